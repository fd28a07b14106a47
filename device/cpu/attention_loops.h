#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// Row operations of attention. In a tile of scores, [rows, columns], row r sees the first min(columns, visible + r)
/// columns (causal) or all (visible = columns, causal false); where it does not see, probabilities and gradients are
/// written as 0.
struct AttentionLoops {
  /// p = softmax(scale · scores) in the activation type, rows of `columns`; p may be the scores. scores f32 are
  /// overwritten. lse f32 [rows] or null.
  ByType<void(float* scores, int64_t rows, int64_t columns, int64_t visible, bool causal, float scale, void* p,
              float* lse)>
      softmax;
  /// p = exp(scale · scores - lse), ds = scale · p ∘ (dp - delta), both in the activation type; p may be the scores and
  /// ds dp. All tiles transposed, [columns, rows].
  ByType<void(const float* scores, const float* dp, int64_t rows, int64_t columns, int64_t visible, bool causal,
              float scale, const float* lse, const float* delta, void* p, void* ds)>
      softmax_backward;
  /// delta[r] = Σ_d a[r, d] b[r, d], rows `stride` apart
  ByType<void(const void* a, const void* b, int64_t rows, int64_t stride, int64_t head_dim, float* delta)> row_dots;
  /// to[r, d] = from[r, d]: from f32 [rows, head_dim], to rows `stride` apart
  ByType<void(const float* from, int64_t rows, int64_t head_dim, void* to, int64_t stride)> store_rows;
  /// Rotates the `heads` vectors of head_dim in `row` by the angles of cos, sin [head_dim / 2]; sine_sign -1 rotates
  /// back.
  ByType<void(void* row, int64_t heads, int64_t head_dim, const float* cos, const float* sin, float sine_sign)> rotate;
  /// One query of one head over keys and values that lie `stride` apart: out = softmax(scale · q kᵀ) v. scores f32
  /// [positions], sum f32 [head_dim].
  ByType<void(const void* q, const void* k, const void* v, int64_t positions, int64_t stride, int64_t head_dim,
              float scale, float* scores, float* sum, void* out)>
      query;
};

TRM_SIMD_TABLE(AttentionLoops, attention_loops)

}  // namespace trm::cpu
