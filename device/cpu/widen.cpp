#include "device/cpu/widen.h"

#include <omp.h>

namespace trm::cpu {
namespace {

bool worth_threads(int64_t elements) { return elements > 1 << 14 && !omp_in_parallel(); }

}  // namespace

Matrix widen(const Matrix& a, int64_t rows, int64_t columns, float* space) {
  const bool by_rows = a.column_stride == 1;
  const int64_t lines = by_rows ? rows : columns, length = by_rows ? columns : rows,
                stride = by_rows ? a.row_stride : a.column_stride, step = by_rows ? 1 : a.row_stride;
  const auto* data = static_cast<const bfloat16*>(a.data);
#pragma omp parallel for schedule(static) if (worth_threads(rows * columns))
  for (int64_t i = 0; i < lines; ++i) {
    const bfloat16* from = data + i * stride;
    float* to = space + i * length;
    if (step == 1)
      for (int64_t j = 0; j < length; ++j) to[j] = from[j];
    else
      for (int64_t j = 0; j < length; ++j) to[j] = from[j * step];
  }
  return {space, DType::float32, by_rows ? columns : 1, by_rows ? 1 : rows};
}

void narrow(int64_t m, int64_t n, const float* y, bfloat16* c, int64_t c_stride, bool accumulate) {
#pragma omp parallel for schedule(static) if (worth_threads(m * n))
  for (int64_t i = 0; i < m; ++i) {
    const float* from = y + i * n;
    bfloat16* to = c + i * c_stride;
    for (int64_t j = 0; j < n; ++j) to[j] = bfloat16(accumulate ? from[j] + static_cast<float>(to[j]) : from[j]);
  }
}

}  // namespace trm::cpu
