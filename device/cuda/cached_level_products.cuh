#pragma once
// Matrix-vector products of cached_level_sm90.cu.
// A unit is 8 rows x 256 bytes of K. Lane l = 4 g + t works on row g and takes of each 128 bytes the 16 bytes t and
// t + 4, even rows in this order, odd rows in the other: so 8 lanes read 128 different bytes modulo 128 though rows are
// multiples of 256 bytes. In bfloat16 mma.sync multiplies: 16 bytes of row g are its rows g (words 0, 2) and g + 8
// (words 1, 3), and its eight columns hold x as the four kinds of rows (even or odd, first or second) need it, twice.
#include <cmath>

#include "device/cuda/cached_level.cuh"

namespace trm::cuda::decoding {

/// Where element i of a vector that is multiplied lies: in bfloat16, of four words the second and third change places,
/// so that a lane's words are neighbours.
template <class T>
__device__ __forceinline__ int place(int i) {
  return sizeof(T) == 2 ? (i & ~6) | (i & 2) << 1 | (i & 4) >> 1 : i;
}
template <class T>
struct Sums {
  float d[4][4] = {};

  /// x: address of the unit's elements in the order above, for the lane's first 16 bytes.
  __device__ __forceinline__ void add(const uint4 (&w)[4], uint32_t x, int g) {
    static_assert(sizeof(T) == 2);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint2 b = load_shared8((x ^ i % 2 * 64) + i / 2 * 128 + (g & 2) * 4);
      const uint32_t a[4] = {w[i].x, w[i].y, w[i].z, w[i].w};
      mma::multiply(d[i], a, b.x, b.y);
    }
  }
  /// The sum of row g, in all lanes of the row.
  __device__ __forceinline__ float row(int g, int t) const {
    float sum[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) sum[i] = (d[0][i] + d[1][i]) + (d[2][i] + d[3][i]);
    const float first = g & 1 ? sum[1] : sum[0], second = g & 1 ? sum[3] : sum[2];
    const float own = t & 1 ? second : first;
    return own + __shfl_xor_sync(all_lanes, own, 1);
  }
};

template <>
struct Sums<float> {
  float d = 0;

  __device__ __forceinline__ void add(const uint4 (&w)[4], uint32_t x, int) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint4 b = load_shared16((x ^ i % 2 * 64) + i / 2 * 128);
      d += __uint_as_float(w[i].x) * __uint_as_float(b.x) + __uint_as_float(w[i].y) * __uint_as_float(b.y) +
           __uint_as_float(w[i].z) * __uint_as_float(b.z) + __uint_as_float(w[i].w) * __uint_as_float(b.w);
    }
  }
  __device__ __forceinline__ float row(int, int) const {
    const float pair = d + __shfl_xor_sync(all_lanes, d, 1);
    return pair + __shfl_xor_sync(all_lanes, pair, 2);
  }
};

/// partial [splits, 8 · tiles] = the stage's rows times x (a shared address), which is there after ready(). A warp
/// takes its first units before that. The stage's room is given back as soon as it is read.
template <class T, class Ready>
__device__ __forceinline__ void multiply(const Ring& ring, uint32_t start, int tiles, int splits, int row_bytes,
                                         uint32_t x, float* partial, uint32_t freed, Ready&& ready) {
  const int warp = threadIdx.x / warp_size, lane = threadIdx.x % warp_size, g = lane / 4, t = lane % 4;
  const int units = row_bytes / 256, each = (units + splits - 1) / splits, jobs = tiles * splits;
  const uint32_t chunk = static_cast<uint32_t>(t + 4 * (g & 1)) << 4;
  const auto load = [&](uint4(&w)[4], uint32_t row, int unit) {
    const uint32_t at = ring.at(row + 256 * unit) + chunk;
#pragma unroll
    for (int i = 0; i < 4; ++i) w[i] = load_shared16((at ^ i % 2 * 64) + i / 2 * 128);
  };
  uint4 held[held_units][4];
  const bool all_held = each <= held_units && jobs <= warps;
  bool waiting = true;
  int job = warp;
  do {
    const int tile = job / splits, split = job - tile * splits, first = split * each;
    const int count = job < jobs ? min(each, units - first) : 0;
    const uint32_t row = start + static_cast<uint32_t>((8 * tile + g) * row_bytes);
#pragma unroll
    for (int u = 0; u < held_units; ++u) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        held[u][i] = make_uint4(0, 0, 0, 0);  // defined on every path: no live registers elsewhere
      if (u < count) load(held[u], row, first + u);
    }
    if (waiting) {
      waiting = false;
      if (all_held) {
        __syncwarp();
        if (lane == 0) arrive(freed);
      }
      ready();
    }
    if (count > 0) {
      Sums<T> sums;
#pragma unroll
      for (int u = 0; u < held_units; ++u)
        if (u < count) sums.add(held[u], x + chunk + 256 * (first + u), g);
#pragma unroll 1
      for (int u = held_units; u < count; ++u) {
        uint4 w[4];
        load(w, row, first + u);
        sums.add(w, x + chunk + 256 * (first + u), g);
      }
      const float sum = sums.row(g, t);
      if (t == 0) partial[(split * tiles + tile) * 8 + g] = sum;
    }
    job += warps;
  } while (job < jobs);
  if (!all_held) {
    __syncwarp();
    if (lane == 0) arrive(freed);
  }
}

/// silu(gate) ∘ up of the block's hidden elements, to one block of the cluster. partial: gate rows, then up rows.
template <class T>
__device__ __forceinline__ void send_hidden(const float* partial, const Slice& mine, uint32_t to, uint32_t barrier) {
  const auto value = [&](int i) {
    float gate = 0, up = 0;
#pragma unroll 1
    for (int split = 0; split < mine.splits[2]; ++split) {
      gate += partial[split * 2 * mine.hidden + i];
      up += partial[split * 2 * mine.hidden + mine.hidden + i];
    }
    return gate / (1.0f + expf(-gate)) * up;
  };
  constexpr int per_word = 4 / sizeof(T);
  const int words = mine.hidden / per_word;
#pragma unroll 1
  for (int first = 0; first < words; first += warp_size) {
    const int i = first + static_cast<int>(threadIdx.x) % warp_size;
    uint32_t word = 0;
    if (i < words) word = per_word == 2 ? pair(value(2 * i), value(2 * i + 1)) : __float_as_uint(value(i));
    send_words(to + 4 * (mine.first_hidden / per_word + i), word, i < words, per_word == 2, barrier);
  }
}

}  // namespace trm::cuda::decoding
