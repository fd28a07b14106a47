#pragma once
#include "device/tensor.h"

namespace trm::cuda {

inline constexpr int widest_head = 256;

/// What attention kernels share: element strides of qkv [B, N, 3·heads·head_dim] are N · 3 · inner and 3 · inner, inner
/// = heads · head_dim.
struct AttentionShape {
  int64_t B, N;
  int heads, head_dim;
  bool causal;
  float scale;  // 1/√head_dim
  // [N or more, head_dim / 2]: the backward may rotate dq and dk back where given (Served)
  const float *cos = nullptr, *sin = nullptr;
};
AttentionShape attention_shape(const Tensor& qkv, int heads, bool causal);
/// True where int holds the number of 64-row parts of all heads: the Hopper kernels walk over them.
inline bool countable(const AttentionShape& s) { return s.B * s.heads * ((s.N + 63) / 64) <= 1 << 30; }

enum class Served { no, yes, rotated };  // rotated: where shape.cos is given, dq and dk are rotated back

// Any head_dim up to widest_head, both dtypes: the simple versions.
void attention_simple(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse);
void attention_backward_simple(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                               const Tensor& lse, Tensor& dqkv);

// bfloat16, head_dim 32 or 64. False or `no` where they do not serve. On Hopper for up to 128
// positions, on Hopper for longer sequences, then for all.
bool attention_short_sm90(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse);
Served attention_backward_short_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                     const Tensor& out, const Tensor& lse, Tensor& dqkv);
bool attention_sm90(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse);
Served attention_backward_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                               const Tensor& lse, Tensor& dqkv);
bool attention_flash(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse);
Served attention_backward_flash(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                                const Tensor& lse, Tensor& dqkv);

}  // namespace trm::cuda
