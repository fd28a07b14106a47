// The gradient of attention on Hopper: chooses between its kernels; what both want to know of the queries.
#include "device/cuda/attention_backward_sm90.h"
#include "device/cuda/device_math.cuh"
#include "device/cuda/tensor_map.h"

namespace trm::cuda {
namespace {

constexpr int64_t shortest = 129;  // below, whole heads on chip serve better (attention_backward_short_sm90.cu)
constexpr int64_t most_resident = 24 << 20;  // bytes, about half of the L2 cache
constexpr float log2e = 1.4426950408889634f;

/// A group of head_dim / 8 lanes takes a row of a head.
template <int head_dim>
__global__ void statistics_kernel(AttentionShape shape, const __nv_bfloat16* dout, const __nv_bfloat16* out,
                                  const float* lse, float2* statistics, int64_t padded) {
  constexpr int lanes = head_dim / 8;
  const int64_t index = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / lanes,
                rows = shape.B * padded * shape.heads;  // (b, n, head)
  const int64_t clamped = min(index, rows - 1), head = clamped % shape.heads, n = clamped / shape.heads % padded,
                b = clamped / shape.heads / padded;
  float sum = 0;
  if (n < shape.N) {
    const int64_t at = ((b * shape.N + n) * shape.heads + head) * head_dim + threadIdx.x % lanes * 8;
    const auto g = *reinterpret_cast<const Pack<__nv_bfloat16, 8>*>(dout + at),
               o = *reinterpret_cast<const Pack<__nv_bfloat16, 8>*>(out + at);
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += to_float(g.v[i]) * to_float(o.v[i]);
  }
#pragma unroll
  for (int step = lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(all_lanes, sum, step);
  if (threadIdx.x % lanes != 0 || index >= rows) return;
  const int64_t pair = b * shape.heads + head;
  statistics[pair * padded + n] =
      n < shape.N ? make_float2(lse[pair * shape.N + n] * log2e, sum) : make_float2(INFINITY, 0.0f);
}

}  // namespace

Tensor attention_statistics(const AttentionShape& shape, const Tensor& dout, const Tensor& out, const Tensor& lse,
                            int64_t padded) {
  constexpr int threads = 256;
  Tensor statistics = Tensor::empty({shape.B, shape.heads, padded, 2}, DType::float32, dout.device());
  const auto kernel = shape.head_dim == 64 ? statistics_kernel<64> : statistics_kernel<32>;
  kernel<<<blocks_for(shape.B * padded * shape.heads * (shape.head_dim / 8), threads), threads, 0,
           context_of(dout).stream>>>(shape, elements<__nv_bfloat16>(dout), elements<__nv_bfloat16>(out),
                                      elements<float>(lse), elements<float2>(statistics), padded);
  launched("attention_backward");
  return statistics;
}

Served attention_backward_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                               const Tensor& lse, Tensor& dqkv) {
  const Context& context = context_of(qkv);
  const int64_t inner = shape.heads * shape.head_dim;
  if (!context.hopper() || qkv.dtype() != DType::bfloat16 || shape.N < shortest || !countable(shape)) return Served::no;
  if (!mappable(qkv.address(), inner) || !mappable(dout.address(), inner) || !mappable(out.address(), inner) ||
      !mappable(dqkv.address(), inner))
    return Served::no;
  if (shape.head_dim != 64 && shape.head_dim != 32) return Served::no;
  // what a block of threads reads again for each block of keys, q and dout, and dq in float32, should stay in the cache
  const int64_t pairs = shape.B * shape.heads,
                resident = std::min<int64_t>(pairs, context.multiprocessors) * shape.N * shape.head_dim * 8;
  const bool heads = pairs >= context.multiprocessors && resident <= most_resident;
  if (heads) {
    attention_backward_heads_sm90(shape, dout, qkv, out, lse, dqkv);
  } else {
    const Tensor statistics = attention_statistics(shape, dout, out, lse, (shape.N + 63) / 64 * 64);
    attention_backward_keys_sm90(shape, dout, qkv, statistics, dqkv);
    attention_backward_queries_sm90(shape, dout, qkv, statistics, dqkv);
  }
  return Served::rotated;
}

}  // namespace trm::cuda
