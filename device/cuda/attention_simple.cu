// Attention in float32 arithmetic for any head_dim and both dtypes: a warp takes one query (or, for dk and dv, one
// key). The ladder's first rung, and what serves float32 and unusual head sizes.
#include "device/cuda/attention.h"
#include "device/cuda/device_math.cuh"

namespace trm::cuda {
namespace {

constexpr int warps = 4;
constexpr int lane_values = widest_head / warp_size;  // dimensions of a head that a lane holds

struct Row {
  int64_t b, n;
  int head;
};

/// The row (batch, head, position) of this warp; n is out of range for warps with nothing to do.
__device__ __forceinline__ Row row_of_warp(const AttentionShape& s) {
  const int64_t index = int64_t{blockIdx.x} * warps + threadIdx.x / warp_size;
  const int64_t pair = index / s.N;
  if (pair >= s.B * s.heads) return {0, s.N, 0};
  return {pair / s.heads, index % s.N, static_cast<int>(pair % s.heads)};
}

/// First element of part 0 (q), 1 (k) or 2 (v) of a position.
__device__ __forceinline__ int64_t at(const AttentionShape& s, int64_t b, int64_t n, int head, int part) {
  return ((b * s.N + n) * 3 + part) * s.heads * s.head_dim + int64_t{head} * s.head_dim;
}
__device__ __forceinline__ int64_t out_at(const AttentionShape& s, int64_t b, int64_t n, int head) {
  return (b * s.N + n) * s.heads * s.head_dim + int64_t{head} * s.head_dim;
}

/// Values lane, lane + 32, ... of a head, zero behind it.
template <class T>
__device__ __forceinline__ void load_head(const T* from, int head_dim, float (&values)[lane_values]) {
#pragma unroll
  for (int i = 0; i < lane_values; ++i) {
    const int d = i * warp_size + threadIdx.x % warp_size;
    values[i] = d < head_dim ? to_float(from[d]) : 0.0f;
  }
}
template <class T>
__device__ __forceinline__ void store_head(T* to, int head_dim, const float (&values)[lane_values], float scale) {
#pragma unroll
  for (int i = 0; i < lane_values; ++i) {
    const int d = i * warp_size + threadIdx.x % warp_size;
    if (d < head_dim) to[d] = from_float<T>(values[i] * scale);
  }
}
__device__ __forceinline__ float dot(const float (&a)[lane_values], const float (&b)[lane_values]) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < lane_values; ++i) sum += a[i] * b[i];
  return warp_sum(sum);
}
__device__ __forceinline__ void add_scaled(float (&to)[lane_values], float scale, const float (&x)[lane_values]) {
#pragma unroll
  for (int i = 0; i < lane_values; ++i) to[i] += scale * x[i];
}

template <class T>
__global__ void attention_kernel(AttentionShape s, const T* qkv, T* out, float* lse) {
  const Row r = row_of_warp(s);
  if (r.n >= s.N) return;
  float q[lane_values], sum[lane_values] = {}, k[lane_values], v[lane_values];
  load_head(qkv + at(s, r.b, r.n, r.head, 0), s.head_dim, q);
  float largest = -INFINITY, total = 0;
  const int64_t visible = s.causal ? r.n + 1 : s.N;
  for (int64_t j = 0; j < visible; ++j) {
    load_head(qkv + at(s, r.b, j, r.head, 1), s.head_dim, k);
    load_head(qkv + at(s, r.b, j, r.head, 2), s.head_dim, v);
    const float score = dot(q, k) * s.scale, top = fmaxf(largest, score), shrink = expf(largest - top),
                weight = expf(score - top);
#pragma unroll
    for (int i = 0; i < lane_values; ++i) sum[i] = sum[i] * shrink + weight * v[i];
    total = total * shrink + weight;
    largest = top;
  }
  store_head(out + out_at(s, r.b, r.n, r.head), s.head_dim, sum, 1 / total);
  if (lse && threadIdx.x % warp_size == 0) lse[(r.b * s.heads + r.head) * s.N + r.n] = largest + logf(total);
}

/// dq[n] = scale Σ_j ds_nj k_j, ds = p (dout·v - dout·out), p = exp(score - lse)
template <class T>
__global__ void query_gradient_kernel(AttentionShape s, const T* dout, const T* qkv, const T* out, const float* lse,
                                      T* dqkv) {
  const Row r = row_of_warp(s);
  if (r.n >= s.N) return;
  float q[lane_values], g[lane_values], o[lane_values], sum[lane_values] = {}, k[lane_values], v[lane_values];
  load_head(qkv + at(s, r.b, r.n, r.head, 0), s.head_dim, q);
  load_head(dout + out_at(s, r.b, r.n, r.head), s.head_dim, g);
  load_head(out + out_at(s, r.b, r.n, r.head), s.head_dim, o);
  const float delta = dot(g, o), normalizer = lse[(r.b * s.heads + r.head) * s.N + r.n];
  const int64_t visible = s.causal ? r.n + 1 : s.N;
  for (int64_t j = 0; j < visible; ++j) {
    load_head(qkv + at(s, r.b, j, r.head, 1), s.head_dim, k);
    load_head(qkv + at(s, r.b, j, r.head, 2), s.head_dim, v);
    const float p = expf(dot(q, k) * s.scale - normalizer);
    add_scaled(sum, p * (dot(g, v) - delta), k);
  }
  store_head(dqkv + at(s, r.b, r.n, r.head, 0), s.head_dim, sum, s.scale);
}

/// dk[n] = scale Σ_i ds_in q_i, dv[n] = Σ_i p_in dout_i
template <class T>
__global__ void key_value_gradient_kernel(AttentionShape s, const T* dout, const T* qkv, const T* out, const float* lse,
                                          T* dqkv) {
  const Row r = row_of_warp(s);
  if (r.n >= s.N) return;
  float k[lane_values], v[lane_values], dk[lane_values] = {}, dv[lane_values] = {}, q[lane_values], g[lane_values],
                                        o[lane_values];
  load_head(qkv + at(s, r.b, r.n, r.head, 1), s.head_dim, k);
  load_head(qkv + at(s, r.b, r.n, r.head, 2), s.head_dim, v);
  for (int64_t i = s.causal ? r.n : 0; i < s.N; ++i) {
    load_head(qkv + at(s, r.b, i, r.head, 0), s.head_dim, q);
    load_head(dout + out_at(s, r.b, i, r.head), s.head_dim, g);
    load_head(out + out_at(s, r.b, i, r.head), s.head_dim, o);
    const float p = expf(dot(q, k) * s.scale - lse[(r.b * s.heads + r.head) * s.N + i]);
    add_scaled(dk, p * (dot(g, v) - dot(g, o)), q);
    add_scaled(dv, p, g);
  }
  store_head(dqkv + at(s, r.b, r.n, r.head, 1), s.head_dim, dk, s.scale);
  store_head(dqkv + at(s, r.b, r.n, r.head, 2), s.head_dim, dv, 1.0f);
}

}  // namespace

void attention_simple(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  Context& context = context_of(qkv);
  for_activation(qkv, [&]<class T>() {
    attention_kernel<T><<<blocks_for(shape.B * shape.heads * shape.N, warps), warps * warp_size, 0, context.stream>>>(
        shape, elements<T>(qkv), elements<T>(out), lse ? elements<float>(*lse) : nullptr);
  });
  launched("attention");
}

void attention_backward_simple(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                               const Tensor& lse, Tensor& dqkv) {
  Context& context = context_of(qkv);
  const unsigned blocks = blocks_for(shape.B * shape.heads * shape.N, warps);
  for_activation(qkv, [&]<class T>() {
    query_gradient_kernel<T><<<blocks, warps * warp_size, 0, context.stream>>>(
        shape, elements<T>(dout), elements<T>(qkv), elements<T>(out), elements<float>(lse), elements<T>(dqkv));
    key_value_gradient_kernel<T><<<blocks, warps * warp_size, 0, context.stream>>>(
        shape, elements<T>(dout), elements<T>(qkv), elements<T>(out), elements<float>(lse), elements<T>(dqkv));
  });
  launched("attention_backward");
}

}  // namespace trm::cuda
