#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// Products of few rows (decoding), which read the weight once as it lies: y[i · y_stride + o] = Σ_k x[i, k] w[o, k]
/// for o < outputs. x [m, k] contiguous, sums in float32. A row's bits do not depend on m.
struct GemvLoops {
  /// y of the activation type
  ByType<void(const void* x, const void* w, void* y, int64_t m, int64_t outputs, int64_t k, int64_t y_stride)>
      activation;
  /// y float32
  ByType<void(const void* x, const void* w, void* y, int64_t m, int64_t outputs, int64_t k, int64_t y_stride)> wide;
};

TRM_SIMD_TABLE(GemvLoops, gemv_loops)

}  // namespace trm::cpu
