// h = silu(x W_gateᵀ) ∘ (x W_upᵀ) with the SwiGLU in the product's epilogue: the weight's rows are interleaved
// (packed.h), so a thread's accumulators hold gate and up of the same element. Only h leaves the chip, and gate and up
// where they are kept for the backward.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/swiglu.h"

namespace trm::cuda {
namespace {

using namespace sm90;
using Tiles = Gemm<256, 4, Share::b>;

constexpr int columns = Tiles::BN / 2;           // of h in a tile
constexpr int staging_bytes = 64 * columns * 2;  // one warpgroup's part of h
constexpr size_t shared_bytes = 1024 + Tiles::ring_bytes + 2 * staging_bytes + 2 * Tiles::stages * 8;

struct Maps {
  CUtensorMap x, w, h, gate_up;
};

struct Shape {
  int column_tiles, pairs, k_tiles, inner;  // inner = I
  bool keep;                                // gate_up is written
};

#if defined(TRM_SM90A)

/// Writes 64 rows of gate (0), up (1) or h (2) to the staging memory, and on to memory at column `x`.
template <int part>
__device__ __forceinline__ void write(const float (&d)[Tiles::accumulators], uint32_t staging, const CUtensorMap& map,
                                      int x, int row, int barrier) {
  const int thread = threadIdx.x % warpgroup, lane = thread % warp_size, warp = thread / warp_size;
  if (thread == 0) wait_stores_read();
  sync_group(barrier);
#pragma unroll
  for (int i = 0; i < columns / 16; ++i) {  // 16 columns of the part: two groups of gate and up
    float v[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const float gate = d[16 * i + 8 * (j / 4) + j % 4], up = d[16 * i + 8 * (j / 4) + 4 + j % 4];
      v[j] = part == 0 ? gate : part == 1 ? up : gate * fast_sigmoid(gate) * up;
    }
    const uint32_t at = tile_address(staging + i / 4 * 8192, 16 * warp, 2 * i % 8, lane);
    store_tiles(at, pair(v[0], v[1]), pair(v[2], v[3]), pair(v[4], v[5]), pair(v[6], v[7]));
  }
  fence_async();
  sync_group(barrier);
  if (thread == 0) {
    store_2d(map, x, row, staging);
    store_2d(map, x + 64, row, staging + 8192);
    commit_stores();
  }
}

#endif

__global__ __launch_bounds__(Tiles::threads, 1) void gate_up_kernel(const __grid_constant__ Maps maps, Shape shape) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), staging = base + Tiles::ring_bytes,
                 barriers = staging + 2 * staging_bytes;
  Tiles::Ring ring{base, barriers, barriers + 8 * Tiles::stages};
  const uint32_t rank = cluster_rank();
  if (threadIdx.x == 0) {
    Tiles::init(ring);
    publish_barriers();
  }
  cluster_sync();
  const int tiles = shape.pairs * shape.column_tiles, first = static_cast<int>(blockIdx.x) / 2,
            step = static_cast<int>(gridDim.x) / 2;
  if (threadIdx.x < warpgroup) {
    fewer_registers<Tiles::loader_registers>();
    if (threadIdx.x == 0)
      for (int tile = first; tile < tiles; tile += step)
        Tiles::load(ring, maps.x, maps.w, (2 * (tile / shape.column_tiles) + static_cast<int>(rank)) * Tiles::BM,
                    tile % shape.column_tiles * Tiles::BN, shape.k_tiles, rank);
  } else {
    more_registers<Tiles::multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1;
    const uint32_t own = staging + group * staging_bytes;
    float d[Tiles::accumulators];
    for (int tile = first; tile < tiles; tile += step) {
      Tiles::multiply(ring, d, group, shape.k_tiles, [] {});
      const int row = (2 * (tile / shape.column_tiles) + static_cast<int>(rank)) * Tiles::BM + 64 * group,
                column = tile % shape.column_tiles * columns;
      if (shape.keep) {
        write<0>(d, own, maps.gate_up, column, row, 1 + group);
        write<1>(d, own, maps.gate_up, shape.inner + column, row, 1 + group);
      }
      write<2>(d, own, maps.h, column, row, 1 + group);
    }
    if (threadIdx.x % warpgroup == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

}  // namespace

bool linear_swiglu_sm90(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up) {
  Context& context = context_of(x);
  const View w = interleaved(context, gate_up_proj);
  const int64_t M = x.size(0), K = gate_up_proj.in(), O = gate_up_proj.out(), I = O / 2;
  if (!w || x.dtype() != DType::bfloat16 || I % columns != 0 || !mappable(x.address(), K) ||
      !mappable(h.address(), I) || (gate_up && !mappable(gate_up->address(), O)))
    return false;
  if (M == 0) return true;
  Maps maps{make_matrix_map(x.address(), M, K, K, Tiles::a_box),
            make_matrix_map(w.data, O, K, w.ld, Tiles::b_box),
            make_matrix_map(h.address(), M, I, I, 64),
            {}};
  maps.gate_up = gate_up ? make_matrix_map(gate_up->address(), M, O, O, 64) : maps.h;
  const Shape shape{static_cast<int>(O / Tiles::BN), static_cast<int>((M + 2 * Tiles::BM - 1) / (2 * Tiles::BM)),
                    static_cast<int>((K + 63) / 64), static_cast<int>(I), gate_up != nullptr};
  launch_pairs(context, "linear_swiglu", gate_up_kernel, int64_t{shape.pairs} * shape.column_tiles, Tiles::threads,
               shared_bytes, maps, shape);
  return true;
}

}  // namespace trm::cuda
