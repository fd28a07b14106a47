#pragma once
#include <string>
#include <vector>

#include "autograd/functions.h"
#include "autograd/parameter.h"
#include "model/config.h"
#include "model/initialization.h"

namespace trm {

/// Two weights of a SwiGLU over width d.
struct SwigluProjections {
  Parameter* gate_up = nullptr;  // [2·inter, d]
  Parameter* down = nullptr;     // [d, inter]
};

/// Post-norm block: h = rms_norm(h + mixer(h)); h = rms_norm(h + SwiGLU(h)). The mixer is attention, or with mlp_t a SwiGLU over the sequence axis.
class Block {
 public:
  Block(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer);
  Variable forward(const Variable& h, const functions::AttentionContext& context) const;

 private:
  SwigluProjections make_swiglu(const std::string& name, int64_t d, bool token, ParameterStore& store, Initializer& initializer) const;

  double expansion_;
  float eps_;
  SwigluProjections mlp_, mlp_t_;
  Parameter *qkv_ = nullptr, *o_ = nullptr;
};

/// h = z + injected, then its blocks.
class Level {
 public:
  Level(const ModelConfig& config, int layers, const std::string& prefix, ParameterStore& store, Initializer& initializer);
  /// The blocks on an h that is summed already.
  Variable forward(Variable h, const functions::AttentionContext& context) const;
  int layers() const { return static_cast<int>(blocks_.size()); }

 private:
  std::vector<Block> blocks_;
};

}  // namespace trm
