#pragma once
#include <cmath>

#include "device/accelerator/launch.h"

namespace trm::accelerator {

/// Sizes of an attention over qkv [B, N, 3 · heads · head_dim].
struct AttentionSizes {
  int64_t B, N, heads, head_dim;
  bool causal;
  AttentionSizes(const Tensor& qkv, int head_count, bool is_causal)
      : B(qkv.size(0)),
        N(qkv.size(1)),
        heads(head_count),
        head_dim(qkv.size(2) / (3 * head_count)),
        causal(is_causal) {}
  int64_t inner() const { return heads * head_dim; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(head_dim)); }
};

/// With tiles in local memory: for GPUs. False where a tile does not fit the device.
bool attention_by_tiles(Context& context, const AttentionSizes& s, const Tensor& qkv, const Tensor& out,
                        const Tensor* lse);
bool attention_backward_by_tiles(Context& context, const AttentionSizes& s, const Tensor& dout, const Tensor& qkv,
                                 const Tensor& out, const Tensor& lse, const Tensor& dqkv);

/// Through products of whole matrices of scores, some pairs of example and head at a time: for CPUs, and where a tile
/// does not fit a device.
void attention_by_products(Context& context, const AttentionSizes& s, const Tensor& qkv, const Tensor& out,
                           const Tensor* lse);
void attention_backward_by_products(Context& context, const AttentionSizes& s, const Tensor& dout, const Tensor& qkv,
                                    const Tensor& out, const Tensor& lse, const Tensor& dqkv);

}  // namespace trm::accelerator
