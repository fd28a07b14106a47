// qkv = rope(x Wᵀ) with the rotation in the product's epilogue: both of a pair (i, i + head_dim / 2) are in the same
// thread's accumulators, still in float32.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/rope.h"

namespace trm::cuda {
namespace {

using namespace sm90;

template <int BN, int stages, int parts_>
struct Layout {
  using Tiles = Gemm<BN, stages, Share::b>;
  static constexpr int parts = parts_, columns = BN / parts;  // a tile goes out in so many parts
  static constexpr int staging_bytes = 64 * columns * 2, barriers = Tiles::ring_bytes + 2 * staging_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers + 2 * stages * 8;
  static_assert(columns % 64 == 0 && shared_bytes <= 227 * 1024);
};

struct Maps {
  CUtensorMap x, w, qkv;
};

struct Shape {
  int column_tiles, pairs, k_tiles, N, rotated;  // rotated: columns of q and k
  const float *cos, *sin;
};

#if defined(TRM_SM90A)

/// What rotates rows `low` and low + 8 of a tile: columns 8j + 2 (lane % 4) (+ 1) of a head's first half.
template <int head_dim>
struct Rotation {
  static constexpr int groups = head_dim / 16;
  float2 cos[2][groups], sin[2][groups];
  __device__ __forceinline__ void load(const Shape& shape, int low) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int at = (low + 8 * r) % shape.N * (head_dim / 2) + 2 * static_cast<int>(threadIdx.x % 4);
#pragma unroll
      for (int j = 0; j < groups; ++j) {
        cos[r][j] = *reinterpret_cast<const float2*>(shape.cos + at + 8 * j);
        sin[r][j] = *reinterpret_cast<const float2*>(shape.sin + at + 8 * j);
      }
    }
  }
  /// Of the head that begins with accumulator `first`.
  template <int accumulators>
  __device__ __forceinline__ void apply(float (&d)[accumulators], int first) const {
#pragma unroll
    for (int j = 0; j < groups; ++j)
#pragma unroll
      for (int r = 0; r < 2; ++r)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float &x = d[first + 4 * j + 2 * r + c], &y = d[first + 4 * (j + groups) + 2 * r + c];
          const float cosine = c ? cos[r][j].y : cos[r][j].x, sine = c ? sin[r][j].y : sin[r][j].x,
                      turned = x * cosine - y * sine;
          y = y * cosine + x * sine;
          x = turned;
        }
  }
};

#endif

template <class L, int head_dim>
__global__ __launch_bounds__(L::Tiles::threads, 1) void linear_rope_kernel(const __grid_constant__ Maps maps,
                                                                           Shape shape) {
#if defined(TRM_SM90A)
  using Tiles = typename L::Tiles;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers;
  typename Tiles::Ring ring{base, barriers, barriers + 8 * Tiles::stages};
  const uint32_t rank = cluster_rank();
  if (threadIdx.x == 0) {
    Tiles::init(ring);
    publish_barriers();
  }
  cluster_sync();
  const int tiles = shape.pairs * shape.column_tiles, first = static_cast<int>(blockIdx.x) / 2,
            step = static_cast<int>(gridDim.x) / 2;
  const auto row_of = [&](int tile) { return (2 * (tile / shape.column_tiles) + static_cast<int>(rank)) * Tiles::BM; };
  const auto column_of = [&](int tile) { return tile % shape.column_tiles * Tiles::BN; };
  if (threadIdx.x < warpgroup) {
    fewer_registers<Tiles::loader_registers>();
    if (threadIdx.x == 0)
      for (int tile = first; tile < tiles; tile += step)
        Tiles::load(ring, maps.x, maps.w, row_of(tile), column_of(tile), shape.k_tiles, rank);
  } else {
    more_registers<Tiles::multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const uint32_t staging = base + Tiles::ring_bytes + group * L::staging_bytes;
    float d[Tiles::accumulators];
    for (int tile = first; tile < tiles; tile += step) {
      const int row = row_of(tile) + 64 * group, column = column_of(tile);
      Rotation<head_dim> rotation;
      if (column < shape.rotated) rotation.load(shape, row + 16 * warp + lane / 4);
      Tiles::multiply(ring, d, group, shape.k_tiles, [] {});
#pragma unroll
      for (int head = 0; head < Tiles::BN / head_dim; ++head)
        if (column + head * head_dim < shape.rotated) rotation.apply(d, head * head_dim / 2);
#pragma unroll
      for (int part = 0; part < L::parts; ++part) {
        if (thread == 0) wait_stores_read();
        sync_group(1 + group);
#pragma unroll
        for (int i = 0; i < L::columns / 16; ++i) {
          const int at = part * L::columns / 2 + 8 * i;
          store_tiles(tile_address(staging + i / 4 * 8192, 16 * warp, 2 * i % 8, lane), pair(d[at], d[at + 1]),
                      pair(d[at + 2], d[at + 3]), pair(d[at + 4], d[at + 5]), pair(d[at + 6], d[at + 7]));
        }
        fence_async();
        sync_group(1 + group);
        if (thread == 0) {
          for (int box = 0; box < L::columns / 64; ++box)
            store_2d(maps.qkv, column + part * L::columns + 64 * box, row, staging + box * 8192);
          commit_stores();
        }
      }
    }
    if (thread == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

template <class L, int head_dim>
void launch(Context& context, const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, int heads,
            Tensor& qkv) {
  using Tiles = typename L::Tiles;
  const int64_t M = x.size(0) * x.size(1), K = w.in(), O = w.out();
  const Maps maps{make_matrix_map(x.address(), M, K, K, Tiles::a_box),
                  make_matrix_map(w.value.address(), O, K, K, Tiles::b_box),
                  make_matrix_map(qkv.address(), M, O, O, 64)};
  const Shape shape{static_cast<int>((O + Tiles::BN - 1) / Tiles::BN),
                    static_cast<int>((M + 2 * Tiles::BM - 1) / (2 * Tiles::BM)),
                    static_cast<int>((K + 63) / 64),
                    static_cast<int>(x.size(1)),
                    2 * heads * head_dim,
                    elements<float>(cos),
                    elements<float>(sin)};
  launch_pairs(context, "linear_rope", linear_rope_kernel<L, head_dim>, int64_t{shape.pairs} * shape.column_tiles,
               Tiles::threads, L::shared_bytes, maps, shape);
}

}  // namespace

const char* linear_rope_serves(const Tensor& x, const Weight& w, const Tensor&, const Tensor&, const int& heads,
                               const Tensor& qkv) {
  const int64_t head_dim = w.out() / (3 * heads);
  if (!context_of(x).hopper()) return "needs Hopper";
  if (x.dtype() != DType::bfloat16) return "bfloat16 only";
  if (head_dim != 32 && head_dim != 64) return "head_dim 32 or 64";
  if (!mappable(x.address(), w.in()) || !mappable(w.value.address(), w.in()) || !mappable(qkv.address(), w.out()))
    return "rows that are not aligned";
  return nullptr;
}

void linear_rope(const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, int heads, Tensor& qkv) {
  if (qkv.elements() == 0) return;
  Context& context = context_of(x);
  const auto run = [&]<class L>() {
    if (w.out() / (3 * heads) == 64)
      launch<L, 64>(context, x, w, cos, sin, heads, qkv);
    else
      launch<L, 32>(context, x, w, cos, sin, heads, qkv);
  };
  if (w.out() % 256 == 0)
    run.template operator()<Layout<256, 3, 1>>();
  else
    run.template operator()<Layout<192, 4, 1>>();
}

}  // namespace trm::cuda
