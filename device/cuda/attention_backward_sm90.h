#pragma once
#include "device/cuda/attention.h"

namespace trm::cuda {

/// [B, heads, padded, 2] f32: lse · log2(e) and dout·out of each query; queries N .. padded - 1 have +∞ and 0.
Tensor attention_statistics(const AttentionShape& shape, const Tensor& dout, const Tensor& out, const Tensor& lse,
                            int64_t padded);

// All for bfloat16, head_dim 32 or 64, and what copies by tensor maps want; they rotate dq and dk back.
/// Blocks take whole heads: five products.
void attention_backward_heads_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                   const Tensor& out, const Tensor& lse, Tensor& dqkv);
/// Blocks take parts of heads: seven products, for few heads or long ones. dk and dv with four, dq with three; the
/// statistics are padded to a multiple of 64.
void attention_backward_keys_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                  const Tensor& statistics, Tensor& dqkv);
void attention_backward_queries_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                     const Tensor& statistics, Tensor& dqkv);

}  // namespace trm::cuda
