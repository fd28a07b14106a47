#pragma once
// The parts of cached_level_sm90.cu: slices and shared memory of the cluster's blocks, the stream of weights,
// matrix-vector products, attention.
#include <cmath>
#include <map>
#include <mutex>
#include <vector>

#include "device/cached_block.h"
#include "device/cuda/mma.cuh"
#include "device/cuda/sm90.cuh"

namespace trm::cuda::decoding {

using namespace sm90;

// Stages of a layer: qkv, o, gate-up, down. After each one a vector is exchanged: heads' outputs, sums, hidden, sums.
inline constexpr int warps = 16, consumers = warps * warp_size, threads = consumers + warpgroup;
inline constexpr int consumer_registers = 112, producer_registers = 24;
inline constexpr int stages = 4, most_cluster = 16, most_layers = 16, most_inputs = 3;
inline constexpr int held_units = 3;  // units of 8 rows x 256 bytes that a warp takes to registers before x is there
inline constexpr int held_keys = 4;   // packs of keys, and of values, that a lane takes to registers likewise

struct Layer {
  const void *qkv, *o, *gate_up, *down;
  void *keys, *values;
};

/// Bytes from the start of shared memory, which holds the barriers. `sums`, `attended` and `hidden` are written by all
/// blocks of the cluster.
struct Offsets {
  uint32_t attended, hidden, h, middle, sums[2], partial[2], qkv, parts, cosines, ring;
};

struct Params {
  Layer layer[most_layers];
  const void* input[most_inputs];
  void* y;
  const int32_t* position;
  const float *cosines, *sines;
  int layers, inputs, cluster, D, inner, I, heads, S, rope_positions;
  float eps, score_scale;
  uint32_t ring_bytes, exchanged[stages];
  Offsets at;
};

/// What one block of the cluster does: heads rank, rank + cluster, ...; rows of D; hidden elements.
struct Slice {
  int heads, first_row, rows, first_hidden, hidden;
  uint32_t bytes[stages];  // of its weights
  int splits[stages];      // parts of K that warps share a tile's rows by
};

__host__ __device__ inline int at_most(int a, int b) { return a < b ? a : b; }

__host__ __device__ inline int splits_of(int tiles, int row_bytes) {
  const int units = row_bytes / 256;
  if (tiles == 0 || tiles >= warps) return 1;
  const int parts = at_most(warps / tiles, units), each = (units + parts - 1) / parts;
  return (units + each - 1) / each;
}

__host__ __device__ inline Slice slice_of(const Params& p, int rank, int head_dim, size_t element) {
  Slice s;
  s.heads = rank < p.heads ? (p.heads - rank + p.cluster - 1) / p.cluster : 0;
  const int rows = (p.D / 8 + p.cluster - 1) / p.cluster * 8, hidden = (p.I / 8 + p.cluster - 1) / p.cluster * 8;
  s.first_row = at_most(rank * rows, p.D);
  s.rows = at_most(rows, p.D - s.first_row);
  s.first_hidden = at_most(rank * hidden, p.I);
  s.hidden = at_most(hidden, p.I - s.first_hidden);
  const int count[stages] = {s.heads * 3 * head_dim, s.rows, 2 * s.hidden, s.rows};
  const int width[stages] = {p.D, p.inner, p.D, p.I};
  for (int i = 0; i < stages; ++i) {
    const int row_bytes = width[i] * static_cast<int>(element);
    s.bytes[i] = static_cast<uint32_t>(count[i] * row_bytes);
    s.splits[i] = splits_of(count[i] / 8, row_bytes);
  }
  return s;
}

__device__ __forceinline__ void start_dependents() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
__device__ __forceinline__ void wait_for_inputs() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
__device__ __forceinline__ void sync_consumers() { asm volatile("bar.sync 1, %0;" ::"n"(consumers) : "memory"); }
/// Words of neighbouring lanes to another block of the cluster, four at a time by the first of four lanes: each store
/// is counted at the receiver's barrier, and counting takes longer than moving. `to` is the place of the lane's four
/// words; `swapped`: the second and third change places. All lanes take part; whether one has a word is the same for
/// its four.
__device__ __forceinline__ void send_words(uint32_t to, uint32_t word, bool valid, bool swapped, uint32_t barrier) {
  const uint32_t b = __shfl_down_sync(all_lanes, word, 1), c = __shfl_down_sync(all_lanes, word, 2),
                 d = __shfl_down_sync(all_lanes, word, 3);
  if (valid && threadIdx.x % 4 == 0)
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
                 "r"(word), "r"(swapped ? c : b), "r"(swapped ? b : c), "r"(d), "r"(barrier)
                 : "memory");
}
__device__ __forceinline__ void load_bulk(uint32_t to, const void* from, uint32_t bytes, uint32_t barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
               "l"(reinterpret_cast<uint64_t>(from)), "r"(bytes), "r"(barrier)
               : "memory");
}
__device__ __forceinline__ void prefetch_bulk(const void* from, uint32_t bytes) {
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(reinterpret_cast<uint64_t>(from)), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ uint4 load_shared16(uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
__device__ __forceinline__ uint2 load_shared8(uint32_t address) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address) : "memory");
  return v;
}
__device__ __forceinline__ uint4 load_global16(const void* address) {
  uint4 v;
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(reinterpret_cast<uint64_t>(address))
               : "memory");
  return v;
}

// ---- the stream of weights

/// Bytes of shared memory used in a circle; a multiple of 256, as are the rows in it.
struct Ring {
  uint32_t base, bytes;
  __device__ __forceinline__ uint32_t at(uint32_t offset) const {
    return base + (offset >= bytes ? offset - bytes : offset);
  }
};

/// One thread: the block's rows of every weight of every layer, in the order of their use.
template <class T, int head_dim>
__device__ void stream_weights(const Params& p, const Slice& mine, int rank, const Ring& ring, uint32_t full,
                               uint32_t freed) {
  uint32_t head = 0, used = 0;
  int oldest = 0;  // first stage whose room is not taken back
  const auto copy = [&](const void* weight, int64_t first_row, int rows, int width, uint32_t barrier) {
    const char* from = static_cast<const char*>(weight) + first_row * width * sizeof(T);
    uint32_t left = static_cast<uint32_t>(rows * width) * sizeof(T);
    while (left > 0) {
      const uint32_t part = min(left, ring.bytes - head);
      load_bulk(ring.base + head, from, part, barrier);
      from += part;
      left -= part;
      head += part;
      if (head == ring.bytes) head = 0;
    }
  };
#pragma unroll 1
  for (int n = 0; n < stages * p.layers; ++n) {
    const int stage = n % stages;
    const Layer& layer = p.layer[n / stages];
    const uint32_t size = mine.bytes[stage], barrier = full + 8 * stage;
    while (n - oldest >= stages || used + size > ring.bytes) {
      wait(freed + 8 * (oldest % stages), oldest / stages & 1);
      used -= mine.bytes[oldest % stages];
      ++oldest;
    }
    used += size;
    arrive_expecting(barrier, size);
    switch (stage) {
      case 0:
#pragma unroll 1
        for (int h = 0; h < mine.heads; ++h)
#pragma unroll 1
          for (int part = 0; part < 3; ++part)
            copy(layer.qkv, int64_t{part} * p.inner + (rank + h * p.cluster) * head_dim, head_dim, p.D, barrier);
        break;
      case 1:
        copy(layer.o, mine.first_row, mine.rows, p.inner, barrier);
        break;
      case 2:
        copy(layer.gate_up, mine.first_hidden, mine.hidden, p.D, barrier);
        copy(layer.gate_up, int64_t{p.I} + mine.first_hidden, mine.hidden, p.D, barrier);
        break;
      default:
        copy(layer.down, mine.first_row, mine.rows, p.I, barrier);
    }
  }
}

/// Earlier keys and values on their way to the L2 cache. The position may be that of the token before: a hint only.
template <class T>
__device__ void prefetch_caches(const Params& p, int rank) {
  if (threadIdx.x >= 2 * p.layers) return;
  const int position = min(max(*reinterpret_cast<const volatile int32_t*>(p.position), 0), p.S);
  const int each = (position + p.cluster - 1) / p.cluster, first = rank * each, rows = min(each, position - first);
  if (rows <= 0) return;
  const Layer& layer = p.layer[threadIdx.x / 2];
  const T* cache = static_cast<const T*>(threadIdx.x % 2 ? layer.values : layer.keys);
  prefetch_bulk(cache + int64_t{first} * p.inner, static_cast<uint32_t>(rows * p.inner * sizeof(T)));
}

// ---- matrix-vector products
// A unit is 8 rows x 256 bytes of K. Lane l = 4 g + t works on row g and takes of each 128 bytes the 16 bytes t and
// t + 4, even rows in this order, odd rows in the other: so 8 lanes read 128 different bytes modulo 128 though rows are
// multiples of 256 bytes. In bfloat16 mma.sync multiplies: 16 bytes of row g are its rows g (words 0, 2) and g + 8
// (words 1, 3), and its eight columns hold x as the four kinds of rows (even or odd, first or second) need it, twice.

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

// ---- attention of one head. A key is read by head_dim / (16 bytes) lanes; a warp takes as many keys at once as it has
// such groups, warps in turn.

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
  /// Earlier keys (or values) from `first` on; zeros where there is none.
  __device__ __forceinline__ static void load(uint4 (&to)[held_keys], const void* cache, int inner, int head, int first,
                                              int position) {
    const int chunk = threadIdx.x % lanes;
#pragma unroll
    for (int i = 0; i < held_keys; ++i) {
      const int j = key(first, i);
      to[i] = make_uint4(0, 0, 0, 0);
      if (j < position)
        to[i] =
            load_global16(static_cast<const T*>(cache) + int64_t{j} * inner + head * head_dim + chunk * pack_size<T>);
    }
  }
};

/// parts [warps, head_dim + 2]: each warp's weighted values, largest score and sum of weights. qkv: q, k, v of the new
/// position, in shared memory.
template <class T, int head_dim>
__device__ __forceinline__ void attend(Keys<T, head_dim>& keys, const Layer& layer, int inner, int head, int position,
                                       float scale, const T* qkv, float* parts) {
  using K = Keys<T, head_dim>;
  constexpr int N = pack_size<T>;
  const int warp = threadIdx.x / warp_size, lane = threadIdx.x % warp_size, chunk = lane % K::lanes;
  float q[N], sum[N] = {}, top = -INFINITY, total = 0;
  unpack<T>(*reinterpret_cast<const uint4*>(qkv + chunk * N), q);
#pragma unroll 1
  for (int first = 0; first <= position; first += held_keys * K::together) {
    if (first > 0) {
      K::load(keys.k, layer.keys, inner, head, first, position);
      K::load(keys.v, layer.values, inner, head, first, position);
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
