#pragma once
#include "device/weight.h"

namespace trm::cuda {

/// y [M, O] = x [M, K] Wᵀ for a few rows (decoding): the weight is read once, at the memory's rate. False where it does
/// not serve: more than 4 rows, or rows that are no multiples of 16 bytes.
bool linear_few_rows(const Tensor& x, const Weight& w, Tensor& y);

}  // namespace trm::cuda
