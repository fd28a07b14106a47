#pragma once
#include "device/tensor.h"

namespace trm {

/// A matrix [out, in] as products use it: in the compute dtype, with the forms that the device's matrix engine wants.
/// Made once per optimizer step from the float32 master, used at every application of the block.
struct Weight {
  Tensor value;            // [out, in], compute dtype
  Tensor packed;           // opaque bytes for y = x Wᵀ (token weights: y = W x); may be undefined
  Tensor packed_backward;  // opaque bytes for dx = dy W (token weights: dx = Wᵀ dy); may be undefined
  bool token = false;      // multiplies the sequence axis from the left: y[b] = W x[b]

  int64_t out() const { return value.size(0); }
  int64_t in() const { return value.size(1); }
};

}  // namespace trm
