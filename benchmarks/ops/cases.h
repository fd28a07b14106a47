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

/// The products and what is fused with them, at the shapes of the shipped configurations and of decoding.
std::vector<Case> cases();

}  // namespace trm::bench
