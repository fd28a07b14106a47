#include <Eigen/Core>

#include "device/cpu/gemm.h"
#include "device/cpu/workspace.h"

namespace trm::cpu {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
using In = Eigen::Map<const RowMajor, 0, Stride>;
using Out = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;

/// a [rows, columns] in float32, row-major: itself or a copy in `space`.
In widened(const Matrix& a, int64_t rows, int64_t columns, float* space) {
  if (a.dtype == DType::float32)
    return {static_cast<const float*>(a.data), rows, columns, Stride(a.row_stride, a.column_stride)};
  const auto* data = static_cast<const bfloat16*>(a.data);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) space[i * columns + j] = data[i * a.row_stride + j * a.column_stride];
  return {space, rows, columns, Stride(columns, 1)};
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
  if (direct) return;
  auto* narrow = static_cast<bfloat16*>(c);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      narrow[i * c_stride + j] = bfloat16(y(i, j) + (accumulate ? static_cast<float>(narrow[i * c_stride + j]) : 0.0f));
}

float* space_for(int64_t elements) {
  return static_cast<float*>(workspace(Workspace::products, static_cast<size_t>(elements) * sizeof(float)));
}

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype, int64_t c_stride,
          bool accumulate) {
  if (m == 0 || n == 0 || k == 0) return;
  float* space = space_for(m * k + k * n + m * n);
  multiply(m, n, widened(a, m, k, space), widened(b, k, n, space + m * k), space + m * k + k * n, c, c_dtype, c_stride,
           accumulate);
}

// The packed form is b [k, n] in float32.
size_t packed_factor_bytes(int64_t k, int64_t n, DType) { return static_cast<size_t>(k * n) * sizeof(float); }

void pack_factor(int64_t k, int64_t n, const Matrix& b, void* packed) {
  auto* to = static_cast<float*>(packed);
  const In from = widened(b, k, n, to);
  if (from.data() != to) Out(to, k, n, Eigen::OuterStride<>(n)) = from;
}

void gemm_packed(int64_t m, int64_t n, int64_t k, const Matrix& a, const void* packed, void* c, DType c_dtype,
                 int64_t c_stride, bool accumulate) {
  if (m == 0 || n == 0 || k == 0) return;
  float* space = space_for(m * k + m * n);
  multiply(m, n, widened(a, m, k, space), In(static_cast<const float*>(packed), k, n, Stride(n, 1)), space + m * k, c,
           c_dtype, c_stride, accumulate);
}

}  // namespace trm::cpu
