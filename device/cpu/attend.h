#pragma once
#include <cstdint>

#include "device/dtype.h"

namespace trm::cpu {

/// Query rows that are worked on at once: their scores and probabilities stay in the thread's cache.
constexpr int64_t attention_rows = 128;

/// One head: rows of q, k, v lie `q_stride` and `kv_stride` elements apart.
struct Head {
  const void *q, *k, *v;
  int64_t q_stride, kv_stride, head_dim;
  DType dtype;
};

/// out[r] = softmax(q[r] kᵀ/√head_dim) v of `rows` query rows on the calling thread. Row r sees `visible + r` keys if
/// causal, else `visible`. out rows lie out_stride apart; lse f32 [rows] or null.
void attend(const Head& head, int64_t rows, int64_t visible, bool causal, void* out, int64_t out_stride, float* lse);

}  // namespace trm::cpu
