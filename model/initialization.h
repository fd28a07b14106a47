#pragma once
#include <cstdint>
#include <vector>

namespace trm {

/// Draws initial weights on the host, one stream after another: the same bits for every device and any number of threads.
class Initializer {
 public:
  explicit Initializer(uint64_t seed) : seed_(seed) {}

  /// Normal truncated at ±2, rescaled so that the result has deviation `std`: x = √2 · erfinv(u) · scale clipped to ±2·scale, u ~ U(erf(-√2), erf(√2)),
  /// scale = std / √(1 - 4φ(2)/z). std 0 gives zeros.
  std::vector<float> truncated_normal(int64_t count, double std);

 private:
  uint64_t seed_, stream_ = 0;
};

}  // namespace trm
