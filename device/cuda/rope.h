#pragma once
#include "device/weight.h"

namespace trm::cuda {

/// Null where linear_rope serves these, else why not.
const char* linear_rope_serves(const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, const int& heads,
                               const Tensor& qkv);
void linear_rope(const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, int heads, Tensor& qkv);

}  // namespace trm::cuda
