#pragma once
#include <functional>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/dtype.h"

namespace trm::bench {

/// One op at one shape. `make` allocates its tensors and returns a function that runs it once.
struct Case {
  std::string op, shape;
  double flops;
  std::function<std::function<void()>(DType, Device)> make;
};

/// The ops at the shapes of the shipped configurations and of decoding: the products and what is fused with them, then
/// the three below.
std::vector<Case> cases();
/// Attention, its backward, RoPE, decoding with caches
void add_attention_cases(std::vector<Case>& all);
/// Losses, input embedding
void add_loss_cases(std::vector<Case>& all);
/// Optimizer steps and element-wise arithmetic
void add_update_cases(std::vector<Case>& all);

}  // namespace trm::bench
