// y = rms_norm(residual + x Wᵀ) with residual and norm in the product's epilogue. The two blocks of a cluster hold the
// left and right half of the same 128 rows; each sends the other the sums of squares of its half. The sum stays in
// float32 up to the norm.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/swiglu.h"

namespace trm::cuda {
namespace {

using namespace sm90;

template <int half>
struct Layout {
  using Tiles = Gemm<half, 3, Share::a>;
  static constexpr int boxes = half / 64;                 // of 64 columns in a row of a tile
  static constexpr int staging_bytes = 64 * half * 2;     // one warpgroup's residual, then y
  static constexpr int square_bytes = 2 * Tiles::BM * 4;  // the other block's sums of squares, for two tiles by turns
  static constexpr int staging = Tiles::ring_bytes, squares = staging + 2 * staging_bytes,
                       barriers = squares + square_bytes;
  // full and empty of the ring; per warpgroup: residual there, staging free, sums there (two, by turns)
  static constexpr size_t shared_bytes = 1024 + barriers + 8 * (2 * Tiles::stages + 2 * 4);
};

struct Maps {
  CUtensorMap x, w, residual, y;
};

struct Shape {
  int row_tiles, k_tiles, M;
  float eps;
  float* rstd;  // null: not wanted
};

template <int half>
__global__ __launch_bounds__(Layout<half>::Tiles::threads,
                             1) void residual_rms_norm_kernel(const __grid_constant__ Maps maps, Shape shape) {
#if defined(TRM_SM90A)
  using L = Layout<half>;
  using Tiles = typename L::Tiles;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers;
  typename Tiles::Ring ring{base, barriers, barriers + 8 * Tiles::stages};
  const uint32_t rank = cluster_rank(), others = barriers + 16 * Tiles::stages;
  const auto residual_there = [&](int group) { return others + 32 * group; };
  const auto staging_free = [&](int group) { return others + 32 * group + 8; };
  const auto squares_there = [&](int group, int turn) { return others + 32 * group + 16 + 8 * turn; };
  if (threadIdx.x == 0) {
    Tiles::init(ring);
    for (int i = 0; i < 8; ++i) init_barrier(others + 8 * i, 1);
    publish_barriers();
  }
  cluster_sync();
  const int first = static_cast<int>(blockIdx.x) / 2, step = static_cast<int>(gridDim.x) / 2,
            column = static_cast<int>(rank) * half;
  if (threadIdx.x < warpgroup) {
    fewer_registers<Tiles::loader_registers>();
    if (threadIdx.x == 0) {
      for (int tile = first; tile < shape.row_tiles; tile += step)
        Tiles::load(ring, maps.x, maps.w, tile * Tiles::BM, column, shape.k_tiles, rank);
    } else if (threadIdx.x == warp_size) {  // the residual, as soon as the last tile's y has been read
      uint32_t phase = 0;
      for (int tile = first; tile < shape.row_tiles; tile += step, phase ^= 1)
        for (int group = 0; group < 2; ++group) {
          wait(staging_free(group), phase ^ 1);
          arrive_expecting(residual_there(group), L::staging_bytes);
          for (int box = 0; box < L::boxes; ++box)
            load_2d(base + L::staging + group * L::staging_bytes + box * 8192, maps.residual, column + 64 * box,
                    tile * Tiles::BM + 64 * group, residual_there(group));
        }
    }
  } else {
    more_registers<Tiles::multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const uint32_t staging = base + L::staging + group * L::staging_bytes;
    float d[Tiles::accumulators];
    int count = 0;
    for (int tile = first; tile < shape.row_tiles; tile += step, ++count) {
      Tiles::multiply(ring, d, group, shape.k_tiles, [&] {
        if (thread == 0 && count > 0) {
          wait_stores_read();
          arrive(staging_free(group));
        }
      });
      wait(residual_there(group), count & 1);
      float square[2] = {0, 0};  // of rows lane / 4 and 8 further
#pragma unroll
      for (int i = 0; i < half / 16; ++i) {
        uint32_t r[4];
        load_tiles(tile_address(staging + i / 4 * 8192, 16 * warp, 2 * i % 8, lane), r);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          float &low = d[8 * i + 2 * j], &high = d[8 * i + 2 * j + 1];
          low += low_of(r[j]);
          high += high_of(r[j]);
          square[j % 2] += low * low + high * high;
        }
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        square[i] += __shfl_xor_sync(all_lanes, square[i], 1);
        square[i] += __shfl_xor_sync(all_lanes, square[i], 2);
      }
      const int row = 64 * group + 16 * warp + lane / 4, turn = count & 1;
      const uint32_t there = squares_there(group, turn), slot = base + L::squares + (turn * Tiles::BM + row) * 4;
      if (thread == 0) arrive_expecting(there, 64 * 4);
      if (lane % 4 == 0) {
        const uint32_t remote = address_in(slot, rank ^ 1), barrier = address_in(there, rank ^ 1);
        store_remote(remote, square[0], barrier);
        store_remote(remote + 32, square[1], barrier);
      }
      wait(there, (count >> 1) & 1);
      float scale[2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float other;
        asm volatile("ld.shared.f32 %0, [%1];" : "=f"(other) : "r"(slot + 32 * i) : "memory");
        const float left = rank == 0 ? square[i] : other,
                    right = rank == 0 ? other : square[i];  // the same order in both blocks
        scale[i] = rsqrtf((left + right) * (0.5f / half) + shape.eps);
        const int at = tile * Tiles::BM + row + 8 * i;
        if (shape.rstd && rank == 0 && lane % 4 == 0 && at < shape.M) shape.rstd[at] = scale[i];
      }
#pragma unroll
      for (int i = 0; i < half / 16; ++i) {
        uint32_t r[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) r[j] = pair(d[8 * i + 2 * j] * scale[j % 2], d[8 * i + 2 * j + 1] * scale[j % 2]);
        store_tiles(tile_address(staging + i / 4 * 8192, 16 * warp, 2 * i % 8, lane), r[0], r[1], r[2], r[3]);
      }
      fence_async();
      sync_group(1 + group);
      if (thread == 0) {
        for (int box = 0; box < L::boxes; ++box)
          store_2d(maps.y, column + 64 * box, tile * Tiles::BM + 64 * group, staging + box * 8192);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

template <int half>
void launch(Context& context, const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
            Tensor* rstd) {
  using L = Layout<half>;
  using Tiles = typename L::Tiles;
  const int64_t M = x.size(0), K = w.in(), D = w.out();
  const Maps maps{make_matrix_map(x.address(), M, K, K, Tiles::a_box),
                  make_matrix_map(w.value.address(), D, K, K, Tiles::b_box),
                  make_matrix_map(residual.address(), M, D, D, 64), make_matrix_map(y.address(), M, D, D, 64)};
  const Shape shape{static_cast<int>((M + Tiles::BM - 1) / Tiles::BM), static_cast<int>((K + 63) / 64),
                    static_cast<int>(M), eps, rstd ? elements<float>(*rstd) : nullptr};
  launch_pairs(context, "linear_residual_rms_norm", residual_rms_norm_kernel<half>, int64_t{shape.row_tiles},
               Tiles::threads, L::shared_bytes, maps, shape);
}

}  // namespace

bool linear_residual_rms_norm_sm90(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                   Tensor* rstd) {
  Context& context = context_of(x);
  const int64_t K = w.in(), D = w.out();
  if (!context.hopper() || x.dtype() != DType::bfloat16 || !w.packed || !mappable(x.address(), K) ||
      !mappable(w.value.address(), K) || !mappable(residual.address(), D) || !mappable(y.address(), D))
    return false;
  switch (D) {
    case 512:
      launch<256>(context, x, w, residual, eps, y, rstd);
      return true;
    case 384:
      launch<192>(context, x, w, residual, eps, y, rstd);
      return true;
    case 256:
      launch<128>(context, x, w, residual, eps, y, rstd);
      return true;
    default:
      return false;
  }
}

}  // namespace trm::cuda
