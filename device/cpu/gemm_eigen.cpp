#include <Eigen/Core>
#include <cstring>

#include "device/cpu/gemm.h"
#include "device/cpu/widen.h"
#include "device/cpu/workspace.h"

namespace trm::cpu {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
using In = Eigen::Map<const RowMajor, 0, Stride>;
using Out = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;

/// a [rows, columns] in float32: itself or a copy in `space`.
In widened(const Matrix& a, int64_t rows, int64_t columns, float* space) {
  const Matrix wide = a.dtype == DType::float32 ? a : widen(a, rows, columns, space);
  return {static_cast<const float*>(wide.data), rows, columns, Stride(wide.row_stride, wide.column_stride)};
}

/// c = x w in float32, then to where and what c is.
void multiply(int64_t m, int64_t n, const In& x, const In& w, float* space, void* c, DType c_dtype, int64_t c_stride,
              bool accumulate) {
  const bool direct = c_dtype == DType::float32;
  Out y(direct ? static_cast<float*>(c) : space, m, n, Eigen::OuterStride<>(direct ? c_stride : n));
  if (direct && accumulate)
    y.noalias() += x * w;
  else
    y.noalias() = x * w;
  if (!direct) narrow(m, n, y.data(), static_cast<bfloat16*>(c), c_stride, accumulate);
}

float* space_for(int64_t elements) {
  return static_cast<float*>(workspace(Workspace::products, static_cast<size_t>(elements) * sizeof(float)));
}

/// The empty sum.
void clear(int64_t m, int64_t n, void* c, DType c_dtype, int64_t c_stride) {
  for (int64_t i = 0; i < m; ++i)
    std::memset(static_cast<char*>(c) + static_cast<size_t>(i * c_stride) * size_of(c_dtype), 0,
                static_cast<size_t>(n) * size_of(c_dtype));
}

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype, int64_t c_stride,
          bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) return accumulate ? void() : clear(m, n, c, c_dtype, c_stride);
  float* space = space_for(m * k + k * n + m * n);
  multiply(m, n, widened(a, m, k, space), widened(b, k, n, space + m * k), space + m * k + k * n, c, c_dtype, c_stride,
           accumulate);
}

// The packed form is b [k, n] in float32.
size_t packed_factor_bytes(int64_t k, int64_t n, DType) { return static_cast<size_t>(k * n) * sizeof(float); }

void pack_factor(int64_t k, int64_t n, const Matrix& b, void* packed) {
  auto* to = static_cast<float*>(packed);
  if (b.dtype == DType::float32 || b.column_stride == 1) {
    const In from = widened(b, k, n, to);
    if (from.data() != to) Out(to, k, n, Eigen::OuterStride<>(n)) = from;
  } else {
    Out(to, k, n, Eigen::OuterStride<>(n)) = widened(b, k, n, space_for(k * n));
  }
}

void gemm_packed(int64_t m, int64_t n, int64_t k, const Matrix& a, const void* packed, void* c, DType c_dtype,
                 int64_t c_stride, bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) return accumulate ? void() : clear(m, n, c, c_dtype, c_stride);
  float* space = space_for(m * k + m * n);
  multiply(m, n, widened(a, m, k, space), In(static_cast<const float*>(packed), k, n, Stride(n, 1)), space + m * k, c,
           c_dtype, c_stride, accumulate);
}

}  // namespace trm::cpu
