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
  if (a.dtype == DType::float32) return {static_cast<const float*>(a.data), rows, columns, Stride(a.row_stride, a.column_stride)};
  const auto* data = static_cast<const bfloat16*>(a.data);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) space[i * columns + j] = data[i * a.row_stride + j * a.column_stride];
  return {space, rows, columns, Stride(columns, 1)};
}

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype, int64_t c_stride, bool accumulate) {
  if (m == 0 || n == 0) return;
  auto* space = static_cast<float*>(workspace(Workspace::products, static_cast<size_t>(m * k + k * n + m * n) * sizeof(float)));
  const In x = widened(a, m, k, space), w = widened(b, k, n, space + m * k);
  const bool direct = c_dtype == DType::float32;
  Out y(direct ? static_cast<float*>(c) : space + m * k + k * n, m, n, Eigen::OuterStride<>(direct ? c_stride : n));
  if (direct && accumulate) y.noalias() += x * w;
  else y.noalias() = x * w;
  if (direct) return;
  auto* narrow = static_cast<bfloat16*>(c);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      narrow[i * c_stride + j] = bfloat16(y(i, j) + (accumulate ? static_cast<float>(narrow[i * c_stride + j]) : 0.0f));
}

}  // namespace trm::cpu
