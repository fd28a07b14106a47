// Decoding: append the new keys and values, then one block per (row, new position, head) over the keys so far; its
// warps share the keys and join at the end.
#include "device/cuda/attention.h"
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int warps = 8, unrolled = 4;
constexpr int lane_values = widest_head / warp_size;

/// Where the rows are: row r is new position r % T of batch row r / T.
struct CachedRows {
  const int32_t *slots, *positions;
  int64_t T, S, slot_count;
  __device__ int64_t position(int64_t r) const { return positions[r / T] + r % T; }
  /// The slot's first row of the caches; negative: inactive.
  __device__ int64_t base(int64_t r) const {
    const int64_t slot = slots[r / T];
    return slot < slot_count ? slot * S : -1;
  }
};

template <class T>
__global__ void append_kernel(const T* qkv, CachedRows rows, T* keys, T* values, int64_t inner) {
  const int64_t r = blockIdx.x, base = rows.base(r), position = rows.position(r), to = base + position;
  if (base < 0 || position < 0 || position >= rows.S) return;
  for (int64_t i = threadIdx.x; i < inner; i += blockDim.x) {
    keys[to * inner + i] = qkv[(r * 3 + 1) * inner + i];
    values[to * inner + i] = qkv[(r * 3 + 2) * inner + i];
  }
}

/// A group of `lanes` lanes takes a key: lane l holds dimensions l, l + lanes, ...
template <class T>
__global__ void attend_kernel(const T* qkv, CachedRows rows, const T* keys, const T* values, T* out, int heads,
                              int head_dim, float scale) {
  __shared__ float part_sum[warps][widest_head], part_top[warps], part_total[warps];
  const int head = static_cast<int>(grid_row()), warp = threadIdx.x / warp_size, lane = threadIdx.x % warp_size;
  if (head >= heads) return;
  const int64_t r = blockIdx.x, inner = int64_t{heads} * head_dim, base = rows.base(r),
                visible = min(max(rows.position(r) + 1, int64_t{0}), rows.S);
  if (base < 0) {
    for (int d = threadIdx.x; d < head_dim; d += blockDim.x) out[r * inner + head * head_dim + d] = from_float<T>(0.0f);
    return;
  }
  keys += base * inner;
  values += base * inner;
  float q[lane_values], sum[lane_values] = {};
#pragma unroll
  for (int i = 0; i < lane_values; ++i) {
    const int d = i * warp_size + lane;
    q[i] = d < head_dim ? to_float(qkv[r * 3 * inner + head * head_dim + d]) * scale : 0.0f;
  }
  float top = -INFINITY, total = 0;
  for (int64_t first = int64_t{warp} * unrolled; first < visible; first += warps * unrolled) {
    float score[unrolled];
#pragma unroll
    for (int u = 0; u < unrolled; ++u) {
      const int64_t j = min(first + u, visible - 1);
      float dot = 0;
#pragma unroll
      for (int i = 0; i < lane_values; ++i) {
        const int d = i * warp_size + lane;
        if (d < head_dim) dot += q[i] * to_float(keys[j * inner + head * head_dim + d]);
      }
      score[u] = dot;
    }
#pragma unroll
    for (int u = 0; u < unrolled; ++u)
      score[u] = first + u < visible ? warp_sum(score[u]) : (warp_sum(score[u]), -INFINITY);
    float higher = top;
#pragma unroll
    for (int u = 0; u < unrolled; ++u) higher = fmaxf(higher, score[u]);
    const float shrink = expf(top - higher);
    total *= shrink;
#pragma unroll
    for (int i = 0; i < lane_values; ++i) sum[i] *= shrink;
#pragma unroll
    for (int u = 0; u < unrolled; ++u) {
      const int64_t j = min(first + u, visible - 1);
      const float weight = expf(score[u] - higher);
      total += weight;
#pragma unroll
      for (int i = 0; i < lane_values; ++i) {
        const int d = i * warp_size + lane;
        if (d < head_dim) sum[i] += weight * to_float(values[j * inner + head * head_dim + d]);
      }
    }
    top = higher;
  }
#pragma unroll
  for (int i = 0; i < lane_values; ++i) {
    const int d = i * warp_size + lane;
    if (d < head_dim) part_sum[warp][d] = sum[i];
  }
  if (lane == 0) {
    part_top[warp] = top;
    part_total[warp] = total;
  }
  __syncthreads();
  float highest = -INFINITY;
  for (int w = 0; w < warps; ++w) highest = fmaxf(highest, part_top[w]);
  float all = 0;
  for (int w = 0; w < warps; ++w) all += part_total[w] > 0 ? part_total[w] * expf(part_top[w] - highest) : 0.0f;
  for (int d = threadIdx.x; d < head_dim; d += blockDim.x) {
    float value = 0;
    for (int w = 0; w < warps; ++w) value += part_total[w] > 0 ? part_sum[w][d] * expf(part_top[w] - highest) : 0.0f;
    out[r * inner + head * head_dim + d] = from_float<T>(value / all);
  }
}

void attention_cached(const Tensor& qkv, const Tensor& slots, const Tensor& positions, int heads, Tensor& k_cache,
                      Tensor& v_cache, Tensor& out) {
  const int64_t count = qkv.size(0) * qkv.size(1), inner = qkv.size(2) / 3;
  if (qkv.elements() == 0) return;
  Context& context = context_of(qkv);
  const int head_dim = static_cast<int>(inner / heads);
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  const unsigned blocks = blocks_for(count, 1);
  const CachedRows rows{elements<int32_t>(slots), elements<int32_t>(positions), qkv.size(1), k_cache.size(1),
                        k_cache.size(0)};
  for_activation(qkv, [&]<class T>() {
    append_kernel<T>
        <<<blocks, 128, 0, context.stream>>>(elements<T>(qkv), rows, elements<T>(k_cache), elements<T>(v_cache), inner);
    attend_kernel<T><<<grid_of(blocks, heads), warps * warp_size, 0, context.stream>>>(
        elements<T>(qkv), rows, elements<T>(k_cache), elements<T>(v_cache), elements<T>(out), heads, head_dim, scale);
  });
  launched("attention_cached");
}

const char* serves(const Tensor& qkv, const Tensor&, const Tensor&, const int& heads, const Tensor&, const Tensor&,
                   const Tensor&) {
  return qkv.size(-1) / (3 * heads) <= widest_head ? nullptr : "head_dim over 256";
}

}  // namespace

const Registration registration([] {
  kernels::attention_cached.set(DeviceKind::cuda, attention_cached, serves, "head_dim up to 256");
});

}  // namespace trm::cuda
