#pragma once
// Matrix products of the cpu backend: oneDNN's where it was found at build (gemm_onednn.cpp), else Eigen's
// (gemm_eigen.cpp). Outside of an OpenMP parallel region a product uses all threads, inside one the calling thread
// alone. What a shape needs (primitive, scratchpad) is kept per thread, so repeated shapes allocate nothing.
#include <cstddef>
#include <cstdint>

#include "device/dtype.h"

namespace trm::cpu {

/// A float32 or bfloat16 matrix in memory: element (i, j) at data[i · row_stride + j · column_stride]; one of the
/// strides is 1.
struct Matrix {
  const void* data;
  DType dtype;
  int64_t row_stride, column_stride;
};

/// Rows of `columns` elements one after the other, and the same memory read as its transpose.
inline Matrix row_major(const void* data, DType dtype, int64_t columns) { return {data, dtype, columns, 1}; }
inline Matrix transposed(const void* data, DType dtype, int64_t columns) { return {data, dtype, 1, columns}; }

/// c [m, n] = a [m, k] b [k, n], added to what c holds if `accumulate`. Sums in float32. a and b have one dtype; c,
/// row-major, that or float32. Matrices without gaps between their rows (or, transposed, columns) are fast; oneDNN 2.6
/// falls back to slow kernels for others.
void gemm(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype, int64_t c_stride,
          bool accumulate);

// A right factor b [k, n] that is used many times, in the layout that the product's kernel reads (as the library
// chooses for some 64 rows of a).
/// Bytes of that form.
size_t packed_factor_bytes(int64_t k, int64_t n, DType dtype);
/// Fills `packed` (aligned to 64 bytes).
void pack_factor(int64_t k, int64_t n, const Matrix& b, void* packed);
/// As gemm, with b in its packed form.
void gemm_packed(int64_t m, int64_t n, int64_t k, const Matrix& a, const void* packed, void* c, DType c_dtype,
                 int64_t c_stride, bool accumulate);

}  // namespace trm::cpu
