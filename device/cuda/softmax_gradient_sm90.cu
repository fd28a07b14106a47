// dx = g W of a softmax head, where the logits become their gradients g on the way: each tile of logits [128, 64] is
// turned into gradients in shared memory, multiplied there and stored back from there, so that they are read and
// written once. A block holds 128 rows of dx, all D columns; the V columns are cut in slices so that there are enough
// blocks, and slices of dx are added in order. The two blocks of a cluster share the head's tiles.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/head_sm90.h"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr float log2e = 1.4426950408889634f;
constexpr int BM = 128, BK = 64, box_bytes = 8192, half_box_bytes = box_bytes / 2;  // a box: 64 x 64
constexpr int threads = 3 * warpgroup, loader_registers = 40, multiplier_registers = 232;

/// Two rings: tiles of logits, which come from far, and halves [32, D] of tiles of the head.
template <int D_>
struct Layout {
  static constexpr int D = D_, N = D == 384 ? 192 : D, products = D / N, boxes = D / 64;
  static constexpr int tile_bytes = BM * BK * 2, half_bytes = boxes * half_box_bytes;
  static constexpr int tiles = 5, halves = 6;
  static constexpr int head = tiles * tile_bytes, barriers = head + halves * half_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers + 16 * (tiles + halves);
};

/// A place in a ring of n.
template <int n>
struct Place {
  uint32_t at = 0, phase = 0;
  __device__ uint32_t last() const { return at == 0 ? n - 1 : at - 1; }
  __device__ void advance() {
    if (++at == n) {
      at = 0;
      phase ^= 1;
    }
  }
};

struct Maps {
  CUtensorMap logits, w;
};

struct Shape {
  int pairs, slices, k_tiles;
  float* parts;  // [slices, rows, D]
};

#if defined(TRM_SM90A)

__device__ __forceinline__ uint4 load_16(uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
__device__ __forceinline__ void store_16(uint32_t address, uint4 v) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
               : "memory");
}
__device__ __forceinline__ float load_one(uint32_t address) {
  uint16_t v;
  asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(address) : "memory");
  return low_of(v);
}
__device__ __forceinline__ void store_one(uint32_t address, float x) {
  asm volatile("st.shared.u16 [%0], %1;" ::"r"(address), "h"(static_cast<uint16_t>(pair(x, 0))) : "memory");
}

/// What a thread needs to make gradients of half a row of a tile. No label: 0.
struct Row {
  float normalizer, scale;  // no label: ∞, 0
  int label;                // -1: none

  __device__ uint32_t both(uint32_t x, float shift) const {
    return pair(scale * exp2_fast(fmaf(low_of(x), log2e, shift)), scale * exp2_fast(fmaf(high_of(x), log2e, shift)));
  }
  /// 32 logits of columns column ..., chunks 4 half ... of the swizzled row r at `at`; columns from V on become 0.
  __device__ void turn(uint32_t at, int r, int half, int column, int V) const {
    const auto place = [&](int i) { return at + ((((4 * half + i / 8) ^ (r & 7)) << 4) | (i % 8 * 2)); };
    const bool here = label >= column && label < column + 32;
    const float x = here ? load_one(place(label - column)) : 0, shift = -normalizer * log2e;
#pragma unroll
    for (int i = 0; i < 32; i += 8) {
      const uint4 v = load_16(place(i));
      store_16(place(i), {both(v.x, shift), both(v.y, shift), both(v.z, shift), both(v.w, shift)});
    }
    if (here) store_one(place(label - column), scale * expm1f(x - normalizer));
    for (int i = max(V - column, 0); i < 32; ++i) store_one(place(i), 0);
  }
};

__device__ Row row_of(const LossRows& r, int64_t index) {
  const int32_t label = index < r.rows ? r.labels[index] : ignored_label;
  if (label < 0 || label >= r.V) return {INFINITY, 0, -1};
  return {r.normalizer[index], r.scale[(r.first + index) / r.S], label};
}

#endif

template <class L>
__global__ __launch_bounds__(threads, 1) void softmax_gradient_kernel(const __grid_constant__ Maps maps, Shape shape,
                                                                      LossRows rows) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers, rank = cluster_rank();
  const auto tile_there = [&](uint32_t i) { return barriers + 8 * i; };
  const auto tile_free = [&](uint32_t i) { return barriers + 8 * (L::tiles + i); };
  const auto half_there = [&](uint32_t i) { return barriers + 16 * L::tiles + 8 * i; };
  const auto half_free = [&](uint32_t i) { return barriers + 16 * L::tiles + 8 * (L::halves + i); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < L::tiles; ++i) {
      init_barrier(tile_there(i), 1);
      init_barrier(tile_free(i), 2);
    }
    for (int i = 0; i < L::halves; ++i) {
      init_barrier(half_there(i), 1);
      init_barrier(half_free(i), 4);  // two warpgroups of each of two blocks
    }
    publish_barriers();
  }
  cluster_sync();
  const int items = shape.pairs * shape.slices, first = static_cast<int>(blockIdx.x) / 2,
            step = static_cast<int>(gridDim.x) / 2;
  const auto first_row = [&](int item) { return (2 * (item % shape.pairs) + static_cast<int>(rank)) * BM; };
  const auto first_tile = [&](int slice) {
    return static_cast<int>(static_cast<int64_t>(shape.k_tiles) * slice / shape.slices);
  };
  Place<L::tiles> tile;
  Place<L::halves> half;
  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      for (int item = first; item < items; item += step) {
        const int slice = item / shape.pairs, end = first_tile(slice + 1);
        for (int k = first_tile(slice); k < end; ++k, tile.advance()) {
          const uint32_t there = tile_there(tile.at), at = base + tile.at * L::tile_bytes;
          wait(tile_free(tile.at), tile.phase ^ 1);
          arrive_expecting(there, L::tile_bytes);
          for (int group = 0; group < 2; ++group)
            load_2d(at + group * box_bytes, maps.logits, k * BK, first_row(item) + 64 * group, there);
        }
      }
    } else if (threadIdx.x == warp_size) {
      for (int item = first; item < items; item += step) {
        const int slice = item / shape.pairs, end = 2 * first_tile(slice + 1);
        for (int k = 2 * first_tile(slice); k < end; ++k, half.advance()) {
          const uint32_t there = half_there(half.at), at = base + L::head + half.at * L::half_bytes;
          wait(half_free(half.at), half.phase ^ 1);
          arrive_expecting(there, L::half_bytes);
          for (int box = static_cast<int>(rank); box < L::boxes; box += 2)
            load_2d_both(at + box * half_box_bytes, maps.w, box * 64, k * (BK / 2), there);
        }
      }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const auto release_half = [&](uint32_t i) {
      if (thread < 2) arrive_in(half_free(i), thread);
    };
    float d[L::products][L::N / 2];
    for (int item = first; item < items; item += step) {
      const int slice = item / shape.pairs, begin = first_tile(slice), end = first_tile(slice + 1),
                row = first_row(item) + 64 * group;
      const Row own = row_of(rows, row + thread / 2);
      for (int k = begin; k < end; ++k) {
        const uint32_t at = base + tile.at * L::tile_bytes + group * box_bytes;
        wait(tile_there(tile.at), tile.phase);
        own.turn(at + thread / 2 * 128, thread / 2, thread % 2, k * BK + thread % 2 * 32, static_cast<int>(rows.V));
        fence_async();
        sync_group(1 + group);
        if (thread == 0) {
          store_2d(maps.logits, k * BK, row, at);
          commit_stores();
        }
        const uint64_t a = descriptor(at);
#pragma unroll
        for (int part = 0; part < 2; ++part) {
          wait(half_there(half.at), half.phase);
          const uint64_t b = wide_descriptor(base + L::head + half.at * L::half_bytes, half_box_bytes);
          products_begin();
#pragma unroll
          for (int i = 0; i < BK / 32; ++i)
#pragma unroll
            for (int j = 0; j < L::products; ++j)
              Wgmma<L::N>::template run<0, 1>(d[j], a + 4 * part + 2 * i,
                                              b + j * (L::N / 64 * half_box_bytes / 16) + 128 * i,
                                              k > begin || part > 0 || i > 0);
          products_commit();
          if (part > 0 || k > begin) {
            products_wait<1>();
            release_half(half.last());
          }
          if (part == 0 && k > begin && thread == 0) {
            wait_stores_read<1>();
            arrive(tile_free(tile.last()));
          }
          half.advance();
        }
        tile.advance();
      }
      products_wait<0>();
#pragma unroll
      for (int j = 0; j < L::products; ++j) pin(d[j]);
      release_half(half.last());
      if (thread == 0) {
        wait_stores_read();
        arrive(tile_free(tile.last()));
      }
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int64_t r = row + 16 * warp + lane / 4 + 8 * h;
        if (r >= rows.rows) continue;
        float* to = shape.parts + (slice * rows.rows + r) * L::D + lane % 4 * 2;
#pragma unroll
        for (int j = 0; j < L::products; ++j)
#pragma unroll
          for (int i = 0; i < L::N / 8; ++i)
            *reinterpret_cast<float2*>(to + j * L::N + 8 * i) = {d[j][4 * i + 2 * h], d[j][4 * i + 2 * h + 1]};
      }
    }
    if (thread == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

/// dx = Σ slices, four elements a thread.
__global__ void add_slices_kernel(const float4* parts, uint2* dx, int slices, int64_t n) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float4 sum = parts[i];
  for (int s = 1; s < slices; ++s) {
    const float4 v = parts[s * n + i];
    sum.x += v.x;
    sum.y += v.y;
    sum.z += v.z;
    sum.w += v.w;
  }
  const __nv_bfloat162 low = __floats2bfloat162_rn(sum.x, sum.y), high = __floats2bfloat162_rn(sum.z, sum.w);
  dx[i] = {*reinterpret_cast<const uint32_t*>(&low), *reinterpret_cast<const uint32_t*>(&high)};
}

/// Slices that keep the clusters busiest; few, since each is written and read once more.
int slices_for(int pairs, int k_tiles, int clusters) {
  int best = 1;
  double busiest = 0;
  for (int slices = 1; slices <= std::min(16, k_tiles); ++slices) {
    const int items = pairs * slices, turns = (items + clusters - 1) / clusters;
    const double busy = static_cast<double>(items) / (turns * clusters);
    if (busy > busiest + 0.02) {
      busiest = busy;
      best = slices;
    }
  }
  return best;
}

template <int D>
void run(Context& context, const Tensor& logits, const Weight& w, const LossRows& r, const Tensor& dx) {
  using L = Layout<D>;
  const int pairs = static_cast<int>((r.rows + 2 * BM - 1) / (2 * BM)), k_tiles = static_cast<int>((r.V + BK - 1) / BK),
            slices = slices_for(pairs, k_tiles, context.multiprocessors / 2);
  const Tensor parts = Tensor::empty({slices, r.rows, D}, DType::float32, logits.device());
  const Maps maps{make_matrix_map(logits.address(), r.rows, r.V, r.ld, 64),
                  make_matrix_map(w.value.address(), r.V, D, D, BK / 2)};
  launch_pairs(context, "linear_cross_entropy", softmax_gradient_kernel<L>, int64_t{pairs} * slices, threads,
               L::shared_bytes, maps, Shape{pairs, slices, k_tiles, elements<float>(parts)}, r);
  const int64_t n = r.rows * D / 4;
  add_slices_kernel<<<blocks_for(n, 256), 256, 0, context.stream>>>(elements<float4>(parts), elements<uint2>(dx),
                                                                    slices, n);
  launched("linear_cross_entropy");
}

}  // namespace

bool softmax_head_sm90(const Tensor& x, const Weight& w) {
  const int64_t D = w.in();
  return context_of(x).hopper() && x.dtype() == DType::bfloat16 && (D == 384 || D == 256 || D == 128) &&
         mappable(x.address(), D) && mappable(w.value.address(), D);
}

void softmax_gradient_sm90(const Tensor& logits, const Weight& w, const LossRows& r, const Tensor& dx) {
  Context& context = context_of(logits);
  switch (w.in()) {
    case 384:
      return run<384>(context, logits, w, r, dx);
    case 256:
      return run<256>(context, logits, w, r, dx);
    default:
      return run<128>(context, logits, w, r, dx);
  }
}

}  // namespace trm::cuda
