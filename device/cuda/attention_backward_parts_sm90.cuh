#pragma once
// What the two kernels share whose blocks take parts of heads: attention_backward_keys_sm90.cu and
// attention_backward_queries_sm90.cu.
#include <algorithm>

#include "device/cuda/attention_backward_sm90.h"
#include "device/cuda/attention_tiles_sm90.cuh"
#include "device/cuda/gemm_sm90.cuh"

namespace trm::cuda {

struct PartMaps {
  CUtensorMap qkv, dout, dqkv;  // boxes of 64 rows of a head
};

struct PartShape {
  int N, padded, heads, inner, blocks, items;  // items = B · heads · blocks
  bool causal;
  float scale;               // 1/√head_dim
  const float2* statistics;  // [B, heads, padded]: lse · log2(e), dout·out
  const float *cos, *sin;    // null: no rotation
};

/// `kernel` for head_dim in blocks of own_rows rows of a head.
template <int head_dim>
void launch_parts(void (*kernel)(PartMaps, PartShape), int own_rows, int threads, size_t shared_bytes,
                  const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& statistics,
                  const Tensor& dqkv) {
  const Context& context = context_of(qkv);
  const int64_t N = shape.N, inner = shape.heads * head_dim, blocks = (N + own_rows - 1) / own_rows;
  const auto map = [&](const Tensor& t, int64_t width) {
    return make_tensor_map(t.address(), {width, N, shape.B}, {width * 2, N * width * 2}, {head_dim, 64, 1},
                           head_dim == 32);
  };
  const PartMaps maps{map(qkv, 3 * inner), map(dout, inner), map(dqkv, 3 * inner)};
  const PartShape s{static_cast<int>(N),
                    static_cast<int>(statistics.size(2)),
                    shape.heads,
                    static_cast<int>(inner),
                    static_cast<int>(blocks),
                    static_cast<int>(shape.B * shape.heads * blocks),
                    shape.causal,
                    shape.scale,
                    elements<float2>(statistics),
                    shape.cos,
                    shape.sin};
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
  kernel<<<std::min(s.items, context.multiprocessors), threads, shared_bytes, context.stream>>>(maps, s);
  launched("attention_backward");
}

}  // namespace trm::cuda
