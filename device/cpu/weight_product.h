#pragma once
// Products with a Weight from either side, with its packed form where it has one. Like gemm: all threads outside of a
// parallel region, one inside.
#include "device/cpu/gemm.h"
#include "device/weight.h"

namespace trm::cpu {

/// c [m, O] = x [m, K] Wᵀ
void times_transposed_weight(int64_t m, const Matrix& x, const Weight& w, void* c, DType c_dtype, int64_t c_stride,
                             bool accumulate = false);
/// c [m, K] = x [m, O] W
void times_weight(int64_t m, const Matrix& x, const Weight& w, void* c, DType c_dtype, int64_t c_stride,
                  bool accumulate = false);
/// Token weights: c [O, n] = W x [K, n]
void weight_times(int64_t n, const Weight& w, const Matrix& x, void* c, DType c_dtype, int64_t c_stride,
                  bool accumulate = false);
/// Token weights: c [K, n] = Wᵀ x [O, n]
void transposed_weight_times(int64_t n, const Weight& w, const Matrix& x, void* c, DType c_dtype, int64_t c_stride,
                             bool accumulate = false);

}  // namespace trm::cpu
