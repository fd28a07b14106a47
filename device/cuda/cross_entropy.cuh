#pragma once
// The loss of rows of logits, for cross_entropy, its backward and linear_cross_entropy. A group of `threads` threads
// takes a row.
#include "device/cuda/device_math.cuh"
#include "device/op_types.h"

namespace trm::cuda {

inline constexpr int32_t ignored_label = -100;

/// s(x) of stablemax and its derivative, of the branch that x is in.
__device__ __forceinline__ float stable(float x) { return x >= 0 ? x + 1.0f : 1.0f / (1.0f - x); }
__device__ __forceinline__ float stable_slope(float x) { return x >= 0 ? 1.0f : 1.0f / ((1.0f - x) * (1.0f - x)); }

/// What one pass over (part of) a row finds. sum: Σ exp(x - top), or Σ s(x).
struct RowPart {
  float top = -INFINITY, sum = 0, base = 0;  // base: top, or 0 where that is -∞
  int32_t best = INT32_MAX;

  /// Takes N logits at index, index + 1, ...; the largest so far seldom changes.
  template <LossKind kind, int N>
  __device__ __forceinline__ void take(const float (&x)[N], int32_t index) {
    float highest = x[0];
#pragma unroll
    for (int j = 1; j < N; ++j) highest = fmaxf(highest, x[j]);
    if (!(highest <= top) || best == INT32_MAX) {
      int32_t at = index;
#pragma unroll
      for (int j = N - 1; j >= 0; --j)
        if (x[j] == highest) at = index + j;
      if constexpr (kind == LossKind::softmax)
        if (best != INT32_MAX && highest > -INFINITY) sum *= __expf(top - highest);
      best = at;
      top = highest;
      base = top == -INFINITY ? 0.0f : top;
    }
#pragma unroll
    for (int j = 0; j < N; ++j) {
      if constexpr (kind == LossKind::softmax)
        sum += __expf(x[j] - base);
      else
        sum += stable(x[j]);
    }
  }
  template <LossKind kind>
  __device__ __forceinline__ void join(const RowPart& other) {
    const bool better = other.top > top || (other.top == top && other.best < best);
    if constexpr (kind == LossKind::softmax) {
      const float highest = fmaxf(top, other.top);
      if (highest > -INFINITY)
        sum = (top == highest ? sum : sum * expf(top - highest)) +
              (other.top == highest ? other.sum : other.sum * expf(other.top - highest));
      else
        sum += other.sum;
    } else {
      sum += other.sum;
    }
    if (better) {
      top = other.top;
      best = other.best;
    }
  }
};

/// The part of a whole row, for all `threads` threads of the group; `shared` has one place a warp.
template <LossKind kind, int threads>
__device__ __forceinline__ RowPart join_group(RowPart part, RowPart* shared) {
#pragma unroll
  for (int step = warp_size / 2; step > 0; step /= 2) {
    RowPart other;
    other.top = __shfl_xor_sync(all_lanes, part.top, step);
    other.sum = __shfl_xor_sync(all_lanes, part.sum, step);
    other.best = __shfl_xor_sync(all_lanes, part.best, step);
    part.join<kind>(other);  // symmetric: both lanes hold the same bits
  }
  if constexpr (threads > warp_size) {
    __syncthreads();
    if (threadIdx.x % warp_size == 0) shared[threadIdx.x / warp_size] = part;
    __syncthreads();
    part = shared[0];
#pragma unroll 4
    for (int w = 1; w < threads / warp_size; ++w) part.join<kind>(shared[w]);
  }
  return part;
}

/// One pass over a row of V logits; N elements a load. kept: where a copy of the row goes, null: nowhere.
template <LossKind kind, int threads, class T, int N>
__device__ __forceinline__ RowPart read_row(const T* row, int64_t V, RowPart* shared, T* kept) {
  RowPart part;
  const int64_t packs = V / N;
  const int lane = static_cast<int>(threadIdx.x % threads);
#pragma unroll 4
  for (int64_t i = lane; i < packs; i += threads) {
    const auto x = reinterpret_cast<const Pack<T, N>*>(row)[i];
    if (kept) reinterpret_cast<Pack<T, N>*>(kept)[i] = x;
    float values[N];
#pragma unroll
    for (int j = 0; j < N; ++j) values[j] = to_float(x.v[j]);
    part.take<kind>(values, static_cast<int32_t>(i * N));
  }
  for (int64_t i = packs * N + lane; i < V; i += threads) {
    if (kept) kept[i] = row[i];
    const float value[1] = {to_float(row[i])};
    part.take<kind>(value, static_cast<int32_t>(i));
  }
  return join_group<kind, threads>(part, shared);
}

__device__ __forceinline__ float normalizer_of(const RowPart& part, LossKind kind) {
  return kind == LossKind::softmax ? part.top + logf(part.sum) : part.sum;
}

/// 0 where the label is ignored (or no token).
template <class T>
__device__ __forceinline__ float loss_of(const T* row, int64_t V, int32_t label, float normalizer, LossKind kind) {
  if (label < 0 || label >= V) return 0;
  const float x = to_float(row[label]);
  return kind == LossKind::softmax ? normalizer - x : logf(normalizer) - logf(stable(x));
}

/// row ← scale · d loss / d row, of the logits `from` (the row, or its copy). softmax: p - 1[y]; stablemax: s'(x)/Σ -
/// 1[y] s'(x)/s(x)
template <LossKind kind, int threads, class T, int N>
__device__ __forceinline__ void write_gradient(const T* from, T* row, int64_t V, int32_t label, float normalizer,
                                               float scale) {
  const bool valid = label >= 0 && label < V;
  const float inverse = 1.0f / normalizer;
  const auto gradient = [&](float x) {
    if (!valid) return 0.0f;
    return kind == LossKind::softmax ? scale * __expf(x - normalizer) : scale * (stable_slope(x) * inverse);
  };
  const auto at_label = [&](float x) {
    return kind == LossKind::softmax ? scale * expm1f(x - normalizer)
                                     : scale * (stable_slope(x) * (inverse - 1.0f / stable(x)));
  };
  const int packs = static_cast<int>(V / N), lane = static_cast<int>(threadIdx.x % threads),
            label_pack = valid ? label / N : -1;
#pragma unroll 4
  for (int i = lane; i < packs; i += threads) {
    const auto logits = reinterpret_cast<const Pack<T, N>*>(from)[i];
    Pack<T, N> x = logits;
#pragma unroll
    for (int j = 0; j < N; ++j) x.v[j] = from_float<T>(gradient(to_float(x.v[j])));
    if (i == label_pack) {
#pragma unroll
      for (int j = 0; j < N; ++j)
        if (i * N + j == label) x.v[j] = from_float<T>(at_label(to_float(logits.v[j])));
    }
    reinterpret_cast<Pack<T, N>*>(row)[i] = x;
  }
  for (int64_t i = int64_t{packs} * N + lane; i < V; i += threads) {
    const float x = to_float(from[i]);
    row[i] = from_float<T>(i == label ? at_label(x) : gradient(x));
  }
}

/// Rows of logits in memory; row r of a chunk that begins at `first` belongs to example (first + r) / S.
struct LossRows {
  int64_t rows, V, ld, first, S;
  const int32_t* labels;
  float* loss;  // null: not wanted
  int32_t* preds;
  float* normalizer;   // read where `known`
  const float* scale;  // null: no gradient
  bool known;          // the normalizers are given
};

/// Rows are [rows, ld], ld ≥ V. Writes what `r` asks for; where there is a scale, the logits become gradients.
void loss_of_rows(Context& context, const char* op, const Tensor& logits, const LossRows& r, LossKind kind);

}  // namespace trm::cuda
