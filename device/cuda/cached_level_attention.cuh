#pragma once
// Attention of one head in cached_level_sm90.cu. A key is read by head_dim / (16 bytes) lanes; a warp takes as many
// keys at once as it has such groups, warps in turn.
#include <cmath>

#include "device/cuda/cached_level.cuh"

namespace trm::cuda::decoding {

template <class T>
__device__ __forceinline__ void unpack(const uint4& v, float (&x)[pack_size<T>]) {
  if constexpr (sizeof(T) == 2) {
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      x[2 * i] = low_of(words[i]);
      x[2 * i + 1] = high_of(words[i]);
    }
  } else {
    x[0] = __uint_as_float(v.x);
    x[1] = __uint_as_float(v.y);
    x[2] = __uint_as_float(v.z);
    x[3] = __uint_as_float(v.w);
  }
}

template <class T, int head_dim>
struct Keys {
  static constexpr int lanes = head_dim / pack_size<T>, groups = warp_size / lanes, together = warps * groups;
  uint4 k[held_keys], v[held_keys];

  __device__ __forceinline__ static int key(int first, int i) {
    return first + i * together + static_cast<int>(threadIdx.x) / lanes;
  }
  /// Earlier keys (or values) from `first` on; zeros where there is none. first_key: where the slot begins.
  __device__ __forceinline__ static void load(uint4 (&to)[held_keys], const void* cache, int first_key, int inner,
                                              int head, int first, int position) {
    const int chunk = threadIdx.x % lanes;
#pragma unroll
    for (int i = 0; i < held_keys; ++i) {
      const int j = key(first, i);
      to[i] = make_uint4(0, 0, 0, 0);
      if (j < position)
        to[i] = load_global16(static_cast<const T*>(cache) + int64_t{first_key + j} * inner + head * head_dim +
                              chunk * pack_size<T>);
    }
  }
};

/// parts [warps, head_dim + 2]: each warp's weighted values, largest score and sum of weights. qkv: q, k, v of the new
/// position, in shared memory.
template <class T, int head_dim>
__device__ __forceinline__ void attend(Keys<T, head_dim>& keys, const Layer& layer, int first_key, int inner, int head,
                                       int position, float scale, const T* qkv, float* parts) {
  using K = Keys<T, head_dim>;
  constexpr int N = pack_size<T>;
  const int warp = threadIdx.x / warp_size, lane = threadIdx.x % warp_size, chunk = lane % K::lanes;
  float q[N], sum[N] = {}, top = -INFINITY, total = 0;
  unpack<T>(*reinterpret_cast<const uint4*>(qkv + chunk * N), q);
#pragma unroll 1
  for (int first = 0; first <= position; first += held_keys * K::together) {
    if (first > 0) {
      K::load(keys.k, layer.keys, first_key, inner, head, first, position);
      K::load(keys.v, layer.values, first_key, inner, head, first, position);
    }
    float score[held_keys], higher = top;
#pragma unroll
    for (int i = 0; i < held_keys; ++i) {
      const int j = K::key(first, i);
      if (j == position) {
        keys.k[i] = *reinterpret_cast<const uint4*>(qkv + head_dim + chunk * N);
        keys.v[i] = *reinterpret_cast<const uint4*>(qkv + 2 * head_dim + chunk * N);
      }
      float k[N], dot = 0;
      unpack<T>(keys.k[i], k);
#pragma unroll
      for (int e = 0; e < N; ++e) dot += q[e] * k[e];
#pragma unroll
      for (int step = 1; step < K::lanes; step *= 2) dot += __shfl_xor_sync(all_lanes, dot, step);
      score[i] = j <= position ? dot * scale : -INFINITY;
      higher = fmaxf(higher, score[i]);
    }
    const float level = higher == -INFINITY ? 0.0f : higher, shrink = exp2f(top - level);
    total *= shrink;
#pragma unroll
    for (int e = 0; e < N; ++e) sum[e] *= shrink;
#pragma unroll
    for (int i = 0; i < held_keys; ++i) {
      const float weight = exp2f(score[i] - level);
      total += weight;
      float v[N];
      unpack<T>(keys.v[i], v);
#pragma unroll
      for (int e = 0; e < N; ++e) sum[e] += weight * v[e];
    }
    top = higher;
  }
  float highest = top;
#pragma unroll
  for (int step = K::lanes; step < warp_size; step *= 2)
    highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, step));
  const float factor = exp2f(top - (highest == -INFINITY ? 0.0f : highest));
  total *= factor;
#pragma unroll
  for (int e = 0; e < N; ++e) sum[e] *= factor;
#pragma unroll
  for (int step = K::lanes; step < warp_size; step *= 2) {
    total += __shfl_xor_sync(all_lanes, total, step);
#pragma unroll
    for (int e = 0; e < N; ++e) sum[e] += __shfl_xor_sync(all_lanes, sum[e], step);
  }
  float* own = parts + warp * (head_dim + 2);
  if (lane < K::lanes)
#pragma unroll
    for (int e = 0; e < N; ++e) own[chunk * N + e] = sum[e];
  if (lane == 0) {
    own[head_dim] = highest;
    own[head_dim + 1] = total;
  }
}

/// The head's output from the warps' parts, to one block of the cluster.
template <class T, int head_dim>
__device__ __forceinline__ void send_attended(const float* parts, uint32_t to, uint32_t barrier) {
  constexpr int pitch = head_dim + 2, per_word = 4 / sizeof(T), words = head_dim / per_word;
  const int lane = threadIdx.x % warp_size;
  float top = lane < warps ? parts[lane * pitch + head_dim] : -INFINITY, highest = top;
#pragma unroll
  for (int step = warp_size / 2; step > 0; step /= 2)
    highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, step));
  float weight = exp2f(top - highest);
  weight /= warp_sum(lane < warps ? weight * parts[lane * pitch + head_dim + 1] : 0.0f);
#pragma unroll
  for (int first = 0; first < words; first += warp_size) {
    const int i = min(first + lane, words - 1) * per_word;
    float a = 0, b = 0;
#pragma unroll
    for (int w = 0; w < warps; ++w) {
      const float share = __shfl_sync(all_lanes, weight, w);
      a += share * parts[w * pitch + i];
      if constexpr (per_word == 2) b += share * parts[w * pitch + i + 1];
    }
    send_words(to + 4 * (first + lane), per_word == 2 ? pair(a, b) : __float_as_uint(a), first + lane < words,
               per_word == 2, barrier);
  }
}

}  // namespace trm::cuda::decoding
