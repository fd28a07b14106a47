#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/block.h"

namespace trm {

/// How the levels are applied to the latents: one class per variant. Stateless but for its parameters.
class Recursion {
 public:
  virtual ~Recursion() = default;

  /// One supervision step. `latents` [B, N, D] each, in the order of latent_names(); x [B, N, D] the input embedding. Returns the new latents; all but what
  /// the variant trains through runs without gradient.
  virtual std::vector<Variable> forward(std::vector<Variable> latents, const Variable& x, const functions::AttentionContext& context) const = 0;

  /// Names of the latents in a carry ("z_H", "z_L") and of their initial vectors ("H_init", "L_init").
  virtual std::vector<std::string> latent_names() const = 0;
  virtual std::vector<std::string> init_names() const = 0;
  /// Index of the latent that the heads read.
  virtual int output() const { return 0; }
  /// Applications of attention in one supervision step: the depths that incremental decoding keeps keys and values for.
  virtual int attention_layers() const = 0;
};

std::unique_ptr<Recursion> make_recursion(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer);

}  // namespace trm
