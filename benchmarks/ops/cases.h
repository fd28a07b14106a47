#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/dtype.h"

namespace trm::bench {

/// One op at one shape. `make` allocates its tensors and returns a function that runs it once.
struct Case {
  std::string op, shape;  // the op's name first, then perhaps a variant ("cast from float32")
  double flops;
  std::function<std::function<void()>(DType, Device)> make;
};

/// The ops at the shapes of the shipped configurations and of decoding: the products and what is fused with them, then
/// those below.
std::vector<Case> cases();
/// Attention, its backward, RoPE, decoding with caches
void add_attention_cases(std::vector<Case>& all);
/// Losses, input embedding
void add_loss_cases(std::vector<Case>& all);
/// What stands around the recursion: rotations, halting, heads, rows
void add_model_cases(std::vector<Case>& all);
/// Ops without a case, and why. tests/benchmarks holds cases and reasons against the list of kernels.
const std::map<std::string, std::string>& without_case();
/// Optimizer steps and element-wise arithmetic
void add_update_cases(std::vector<Case>& all);

}  // namespace trm::bench
