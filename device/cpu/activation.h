#pragma once
// How cpu kernels meet the two activation dtypes: one template, instantiated for both.
#include "device/errors.h"
#include "device/tensor.h"

namespace trm::cpu {

/// Calls f with a value of the element type of `t`: visit_activation(t, [&]<class T>(T) { ... t.data<T>() ... }).
template <class F>
void visit_activation(const Tensor& t, F&& f) {
  switch (t.dtype()) {
    case DType::float32:
      return f(float{});
    case DType::bfloat16:
      return f(bfloat16{});
    default:
      throw DeviceError("a cpu kernel got " + describe(t) + " where float32 or bfloat16 is needed");
  }
}

}  // namespace trm::cpu
