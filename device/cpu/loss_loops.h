#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// Losses of rows of logits, each of V ≥ 1 values; `label` -100: ignored. softmax, or with `stablemax` s(x) = x + 1 for
/// x ≥ 0, 1/(1 - x) below.
struct LossLoops {
  /// loss (0 where ignored), the first largest logit, and the normalizer: log-sum-exp, or Σ s
  ByType<void(const void* logits, int64_t V, int32_t label, bool stablemax, float* loss, int32_t* prediction,
              float* normalizer)>
      loss;
  /// logits become scale · d loss / d logits (0 where ignored): p - 1[y], or s'(x)/Σ - 1[y] s'(x)/s(x), of the branch
  /// that x is in
  ByType<void(void* logits, int64_t V, int32_t label, bool stablemax, float normalizer, float scale)> gradient;
};

TRM_SIMD_TABLE(LossLoops, loss_loops)

}  // namespace trm::cpu
