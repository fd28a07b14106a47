#pragma once
#include "device/dtype.h"

namespace trm::cpu {

/// A function for float32 and one for bfloat16 activations, both over untyped addresses.
template <class F>
struct ByType {
  F *float32, *bfloat16;
  F* operator[](DType dtype) const { return dtype == DType::bfloat16 ? bfloat16 : float32; }
};

}  // namespace trm::cpu
