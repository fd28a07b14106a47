#pragma once
#include <stdint.h>

#include "device/cpu/simd.h"

namespace trm::cpu {

/// What one step of Adam needs besides its arrays.
struct AdamStep {
  float clip;               // factor of the gradient
  float decay;              // 1 - lr · weight_decay
  float rate;               // lr / (1 - β1ᵗ)
  float root;               // √(1 - β2ᵗ)
  float beta1, beta2, eps;  // eps: AdamW only
  float ema_rate;
};

/// Adam over flat arrays: moments, parameters, their moving average (ema, null: none) and their bfloat16 copy (narrow,
/// null: none) in one pass.
struct AdamLoops {
  using Update = void(const AdamStep& step, const float* g, int64_t n, float* p, float* m, float* v, float* ema,
                      uint16_t* narrow);
  /// p ← p · decay - rate · m / (√v / root + eps)
  Update* adamw;
  /// p ← p · decay - rate · atan2(m, √v / root), atan2(0, 0) = 0
  Update* adam_atan2;
  /// Σ x² in float64
  double (*sum_of_squares)(const float* x, int64_t n);
};

TRM_SIMD_TABLE(AdamLoops, adam_loops)

}  // namespace trm::cpu
