#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "arch/facts.h"
#include "model/block.h"

namespace trm {

/// How the levels are applied to the latents: one class per variant. Stateless but for its parameters.
class Recursion {
 public:
  virtual ~Recursion() = default;

  /// One supervision step. `latents` [B, N, D] each, in the order of latent_names(); x [B, N, D] the input embedding.
  /// Returns the new latents; all but what the variant trains through runs without gradient.
  virtual std::vector<Variable> forward(std::vector<Variable> latents, const Variable& x, const Pass& pass) const = 0;

  /// Names of the latents in a carry ("z_H", "z_L") and of their initial vectors ("H_init", "L_init").
  virtual std::vector<std::string> latent_names() const = 0;
  virtual std::vector<std::string> init_names() const = 0;
  /// Index of the latent that the heads read.
  virtual int output() const { return 0; }
  /// Applications of a mixer in one supervision step: the depths that a state is kept for.
  virtual int depths() const = 0;

  /// Any of its mixers: they are all of one kind.
  const Mixer& mixer() const { return levels_.at(0).mixer(); }

 protected:
  explicit Recursion(const ModelConfig& config) : c_(config) {}
  /// A level with parameters below `name`, which lives as long as this.
  const Level& add_level(int layers, const std::string& name, Construction& construction) {
    return levels_.emplace_back(layers, name, construction);
  }

  ModelConfig c_;

 private:
  std::deque<Level> levels_;
};

using RecursionMaker = std::unique_ptr<Recursion>(const std::string& prefix, Construction& construction);

/// The variant that the config names, with parameters below `prefix`.
RecursionMaker make_recursion;
/// Adds one from outside; its name must be new. Before settings are read, and not for several threads.
void add_recursion(arch::VariantFacts facts, RecursionMaker* make);

}  // namespace trm
