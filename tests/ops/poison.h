#pragma once
#include <vector>

#include "device/tensor.h"

namespace trm::testing {

/// A tensor whose every byte is 0xff: NaN, -1, true. What a kernel should write and does not is then seen.
inline Tensor poisoned(const Shape& shape, DType dtype, Device device) {
  const std::vector<unsigned char> bytes(static_cast<size_t>(shape.elements()) * size_of(dtype), 0xff);
  return Tensor::from_bytes(bytes.data(), shape, dtype, device);
}

}  // namespace trm::testing
