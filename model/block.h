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
  /// Of a block whose mixer is attention.
  functions::BlockParameters parameters() const { return {qkv_, o_, mlp_.gate_up, mlp_.down}; }

 private:
  SwigluProjections make_swiglu(const std::string& name, int64_t d, bool token, ParameterStore& store, Initializer& initializer) const;

  double expansion_;
  float eps_;
  SwigluProjections mlp_, mlp_t_;
  Parameter *qkv_ = nullptr, *o_ = nullptr;
};

/// h = the sum of its inputs (a latent and what is injected), then its blocks.
class Level {
 public:
  Level(const ModelConfig& config, int layers, const std::string& prefix, ParameterStore& store, Initializer& initializer);
  /// One to three inputs [B, N, D].
  Variable forward(const std::vector<Variable>& inputs, const functions::AttentionContext& context) const;
  int layers() const { return static_cast<int>(blocks_.size()); }

 private:
  std::vector<Block> blocks_;
  float eps_;
};

}  // namespace trm
