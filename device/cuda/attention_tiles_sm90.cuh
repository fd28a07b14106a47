#pragma once
// What the Hopper kernels of attention's gradient do with accumulators of 64 rows of a head.
#include "device/cuda/sm90.cuh"

namespace trm::cuda::sm90 {

/// The inverse of RoPE on a thread's part of an accumulator; cos, sin [N, head_dim / 2]; the thread's rows are low and
/// low + 8, its columns 8 j + column (+ 1).
template <int head_dim>
__device__ __forceinline__ void rotate_back(float (&d)[head_dim / 2], const float* cos, const float* sin, int low,
                                            int column, int N) {
  constexpr int half = head_dim / 2;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int at = min(low + 8 * r, N - 1) * half + column;
#pragma unroll
    for (int j = 0; j < half / 8; ++j) {
      const float2 c = __ldg(reinterpret_cast<const float2*>(cos + at + 8 * j)),
                   s = __ldg(reinterpret_cast<const float2*>(sin + at + 8 * j));
      float *x = d + 4 * j + 2 * r, *y = x + half / 2;
      const float x0 = x[0], x1 = x[1];
      x[0] = x0 * c.x + y[0] * s.x;
      x[1] = x1 * c.y + y[1] * s.y;
      y[0] = y[0] * c.x - x0 * s.x;
      y[1] = y[1] * c.y - x1 * s.y;
    }
  }
}

/// An accumulator times `factor` into a swizzled tile, a warp's 16 rows from `row`.
template <int head_dim>
__device__ __forceinline__ void write_rows(const float (&d)[head_dim / 2], float factor, uint32_t to, int row,
                                           int lane) {
#pragma unroll
  for (int j = 0; j < head_dim / 16; ++j)
    store_tiles(head_tile_address<head_dim>(to, row, 2 * j, lane), pair(d[8 * j] * factor, d[8 * j + 1] * factor),
                pair(d[8 * j + 2] * factor, d[8 * j + 3] * factor), pair(d[8 * j + 4] * factor, d[8 * j + 5] * factor),
                pair(d[8 * j + 6] * factor, d[8 * j + 7] * factor));
}

}  // namespace trm::cuda::sm90
