#pragma once
#include "device/weight.h"

namespace trm::cuda {

inline constexpr int64_t most_few_rows = 4;

/// y [M, O] = x [M, K] Wᵀ for a few rows (decoding): the weight is read once, at the memory's rate; a row's bits do not
/// depend on the others. False where it does not serve: more rows, or rows that are no multiples of 16 bytes.
bool linear_few_rows(const Tensor& x, const Weight& w, Tensor& y);

}  // namespace trm::cuda
