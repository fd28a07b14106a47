#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// RMS norm of a block of rows. Statistics and sums in float32.
struct RmsNormLoops {
  /// y = s rsqrt(mean(s²) + eps) per row, s = sum + residual. sum f32 [rows, n] is overwritten with s; rstd f32 [rows]
  /// or null. y may be residual.
  ByType<void(float* sum, const void* residual, int64_t rows, int64_t n, float eps, void* y, float* rstd)> rows;
  /// The same per column of [n, columns]: mean over n. sum has rows of `columns` elements, residual and y of `stride`;
  /// rstd f32 [columns] must be given.
  ByType<void(float* sum, const void* residual, int64_t n, int64_t columns, int64_t stride, float eps, void* y,
              float* rstd)>
      columns;
  /// ds = rstd (dy - y mean(dy ∘ y)) per row; ds may be dy
  ByType<void(const void* dy, const void* y, const float* rstd, int64_t rows, int64_t n, void* ds)> rows_backward;
  /// The same per column of [n, columns], rows `stride` apart; `mean` f32 [columns] is work space
  ByType<void(const void* dy, const void* y, const float* rstd, int64_t n, int64_t columns, int64_t stride, float* mean,
              void* ds)>
      columns_backward;
};

TRM_SIMD_TABLE(RmsNormLoops, rms_norm_loops)

}  // namespace trm::cpu
