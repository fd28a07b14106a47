#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/mixer.h"

namespace trm {

/// Post-norm block: h = rms_norm(h + mixer(h)); h = rms_norm(h + SwiGLU(h)).
class Block {
 public:
  Block(const std::string& prefix, Construction& construction);
  /// h [B, N, D]
  Variable forward(const Variable& h) const;
  /// New positions h [slots, T, D], advancing the state.
  Tensor advance(const Tensor& h, DepthState& state, const Pass& pass) const;
  BlockStep step(DepthState& state) const { return {mixer_.get(), mlp_.gate_up, mlp_.down, &state}; }
  const Mixer& mixer() const { return *mixer_; }

 private:
  float eps_;
  std::unique_ptr<Mixer> mixer_;
  SwigluProjections mlp_;
};

/// h = the sum of its inputs (a latent and what is injected), then its blocks.
class Level {
 public:
  Level(int layers, const std::string& prefix, Construction& construction);
  /// One to three inputs [B, N, D], or [B, T, D] of new positions; of those a row's bits do not depend on the others.
  Variable forward(const std::vector<Variable>& inputs, const Pass& pass) const;
  int layers() const { return static_cast<int>(blocks_.size()); }
  const Mixer& mixer() const { return blocks_.at(0).mixer(); }

 private:
  Tensor advance(const std::vector<Tensor>& inputs, const Pass& pass) const;

  std::vector<Block> blocks_;
};

}  // namespace trm
