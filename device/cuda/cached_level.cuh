#pragma once
// What the parts of cached_level_sm90.cu share: slices and shared memory of the cluster's blocks, the stream of
// weights.
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
  const int32_t *slots, *positions;
  const float *cosines, *sines;
  int layers, inputs, cluster, D, inner, I, heads, S, slot_count, rope_positions;
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

/// The text that a cluster decodes: its new position, and where its slot begins in the caches.
struct Text {
  int position, first_key;
  bool active;
};
/// Of the cluster's row. One that is inactive looks at no cache.
__device__ __forceinline__ Text text_of(const Params& p) {
  const int slot = *reinterpret_cast<const volatile int32_t*>(p.slots + blockIdx.y),
            position = *reinterpret_cast<const volatile int32_t*>(p.positions + blockIdx.y);
  const bool active = slot >= 0 && slot < p.slot_count;
  return {active ? min(max(position, 0), p.S) : 0, active ? slot * p.S : 0, active};
}

/// Earlier keys and values on their way to the L2 cache. The position may be that of the token before: a hint only.
template <class T>
__device__ void prefetch_caches(const Params& p, int rank) {
  if (threadIdx.x >= 2 * p.layers) return;
  const Text text = text_of(p);
  const int position = text.position;
  const int each = (position + p.cluster - 1) / p.cluster, first = rank * each, rows = min(each, position - first);
  if (rows <= 0) return;
  const Layer& layer = p.layer[threadIdx.x / 2];
  const T* cache = static_cast<const T*>(threadIdx.x % 2 ? layer.values : layer.keys);
  prefetch_bulk(cache + (int64_t{text.first_key} + first) * p.inner, static_cast<uint32_t>(rows * p.inner * sizeof(T)));
}

}  // namespace trm::cuda::decoding
