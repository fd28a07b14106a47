#pragma once
// bfloat16 factors in float32, and float32 results in bfloat16: for products that a library has in float32 alone.
// Outside of an OpenMP parallel region they use all threads, inside one the calling thread.
#include <cstdint>

#include "device/cpu/gemm.h"

namespace trm::cpu {

/// a [rows, columns] of bfloat16 as float32 in `space` (rows · columns elements), without gaps and in a's order: what
/// has stride 1 in a has it there.
Matrix widen(const Matrix& a, int64_t rows, int64_t columns, float* space);

/// c [m, n] (rows c_stride apart) = y [m, n], or c + y if `accumulate`: added in float32 and rounded once.
void narrow(int64_t m, int64_t n, const float* y, bfloat16* c, int64_t c_stride, bool accumulate);

}  // namespace trm::cpu
