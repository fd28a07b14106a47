#pragma once
// The frame of attention for up to 128 positions on Hopper: an item is one head of one example, all of it in shared
// memory at once. Blocks stay and take one item after the other. One thread loads items ahead into a ring of stages
// and stores results out of it; pairs of warpgroups take the items by turns, each of the two has 64 of the rows. What
// such sequences wait for is memory, so a multiprocessor keeps several items under way.
#include "device/cuda/attention.h"
#include "device/cuda/gemm_sm90.cuh"

namespace trm::cuda::sm90 {

inline constexpr int most_shared = 227 * 1024, pair_threads = 2 * warpgroup;

/// rows: of a tile, as many as the sequence has or more; tiles: of an item; extra: bytes before the stages.
template <int head_dim, int rows, int tiles, int pairs_, int most_stages, int extra>
struct Items {
  static constexpr int pairs = pairs_, threads = pairs * pair_threads + warpgroup, tile_bytes = rows * head_dim * 2,
                       stage_bytes = tiles * tile_bytes;
  static constexpr int mover_registers = 24, multiplier_registers = pairs == 1 ? 240 : 112;
  static constexpr int fitting = (most_shared - 2048 - extra) / stage_bytes,
                       stages = fitting < most_stages ? fitting : most_stages;
  static_assert(stages > pairs);
  // a warpgroup reads 64 rows where a tile ends earlier: what is behind is in its place, its results are not used
  static constexpr int stages_at = extra, barriers_at = stages_at + stages * stage_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 16 * stages;

  uint32_t base;
  __device__ uint32_t tile(int k, int which) const {
    return base + stages_at + k % stages * stage_bytes + which * tile_bytes;
  }
  __device__ uint32_t full(int k) const { return base + barriers_at + 8 * (k % stages); }
  __device__ uint32_t done(int k) const { return full(k) + 8 * stages; }
  __device__ static uint32_t phase(int k) { return k / stages & 1; }

  /// By all threads of the block.
  __device__ void init() const {
    if (threadIdx.x == 0) {
      for (int k = 0; k < stages; ++k) {
        init_barrier(full(k), 1);
        init_barrier(done(k), pair_threads / warp_size);
      }
      publish_barriers();
    }
    __syncthreads();
  }
  /// By one thread: item k of this block is `first + k · step` of `items`.
  template <class Load, class Store>
  __device__ void move(int items, Load&& load, Store&& store) const {
    const int first = blockIdx.x, step = gridDim.x, count = (items - first + step - 1) / step;
    const auto fetch = [&](int k) {
      arrive_expecting(full(k), stage_bytes);
      load(k, first + k * step);
    };
    for (int k = 0; k < min(count, stages); ++k) fetch(k);
    for (int k = 0; k < count; ++k) {
      wait(done(k), phase(k));
      store(k, first + k * step);
      commit_stores();
      if (k + stages < count) {
        wait_stores_read();
        fetch(k + stages);
      }
    }
    wait_stores();
  }
  /// By a warp, after its last access to the stage of item k.
  __device__ void finish(int k) const {
    fence_async();
    __syncwarp();
    if (threadIdx.x % warp_size == 0) arrive(done(k));
  }
};

struct ShortShape {
  int N, heads, inner, items;  // items = B · heads
  bool causal;
  float scale;             // 1/√head_dim
  const float *cos, *sin;  // backward: null where dq and dk stay rotated
  const float* lse;        // backward
  float* lse_out;          // forward; null: not wanted
};

inline ShortShape short_shape(const AttentionShape& s) {
  return {static_cast<int>(s.N),
          s.heads,
          s.heads * s.head_dim,
          static_cast<int>(s.B) * s.heads,
          s.causal,
          s.scale,
          s.cos,
          s.sin,
          nullptr,
          nullptr};
}

/// Rows of a head of [B, N, width].
inline CUtensorMap rows_map(const AttentionShape& s, const Tensor& t, int64_t width, int rows) {
  return make_tensor_map(t.address(), {width, s.N, s.B}, {width * 2, s.N * width * 2}, {s.head_dim, rows, 1},
                         s.head_dim == 32);
}

/// d [64, rows] = a bᵀ over head_dim; the products are not yet waited for.
template <int head_dim, int rows>
__device__ __forceinline__ void multiply_rows(float (&d)[rows / 2], uint32_t a, uint32_t b) {
  const uint64_t left = head_descriptor<head_dim>(a), right = head_descriptor<head_dim>(b);
#pragma unroll
  for (int i = 0; i < head_dim / 16; ++i)
    if (i == 0)
      Wgmma<rows>::start(d, left, right);
    else
      Wgmma<rows>::run(d, left + 2 * i, right + 2 * i, 1);
}

/// Writes a warp's 16 rows of an accumulator, times factor, to rows of a head.
template <int head_dim>
__device__ __forceinline__ void write_rows(const float (&d)[head_dim / 2], const float (&factor)[2], uint32_t tile,
                                           int row) {
#pragma unroll
  for (int j = 0; j < head_dim / 16; ++j)
    store_tiles(head_tile_address<head_dim>(tile, row, 2 * j, threadIdx.x % warp_size),
                pair(d[8 * j] * factor[0], d[8 * j + 1] * factor[0]),
                pair(d[8 * j + 2] * factor[1], d[8 * j + 3] * factor[1]),
                pair(d[8 * j + 4] * factor[0], d[8 * j + 5] * factor[0]),
                pair(d[8 * j + 6] * factor[1], d[8 * j + 7] * factor[1]));
}

}  // namespace trm::cuda::sm90
