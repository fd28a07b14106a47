#pragma once
#include <cstdint>
#include <cstring>

#include "device/cpu/chunks.h"
#include "device/cpu/workspace.h"
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

/// Pieces of the calling thread's workspace for attention, each aligned to a cache line. To be taken as they were
/// announced.
class AttentionSpace {
 public:
  /// Of `elements` each, of so many bytes.
  static size_t bytes(int64_t elements, size_t element_bytes) {
    return (static_cast<size_t>(elements) * element_bytes + 63) / 64 * 64;
  }
  explicit AttentionSpace(size_t bytes) : next_(static_cast<char*>(workspace(Workspace::attention, bytes))) {}
  void* take(size_t bytes) {
    void* piece = next_;
    next_ += bytes;
    return piece;
  }

 private:
  char* next_;
};

/// Rows of a head between a tensor, where they lie far apart, and a matrix of their own: products of those are faster.
inline void copy_rows(const void* from, int64_t from_stride, int64_t rows, int64_t head_dim, size_t size, void* to,
                      int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(offset_by(to, r * to_stride, size), offset_by(from, r * from_stride, size),
                static_cast<size_t>(head_dim) * size);
}

/// out[r] = softmax(q[r] kᵀ/√head_dim) v of `rows` query rows on the calling thread. Row r sees `visible + r` keys if
/// causal, else `visible`. out rows lie out_stride apart; lse f32 [rows] or null.
void attend(const Head& head, int64_t rows, int64_t visible, bool causal, void* out, int64_t out_stride, float* lse);

}  // namespace trm::cpu
