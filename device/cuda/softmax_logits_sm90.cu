// Logits and their softmax: the product's epilogue writes bfloat16 logits and, for each row of a tile of 256 columns,
// the largest of them and Σ exp(x - largest), both of the rounded values. A warp a row then joins the tiles.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/head_sm90.h"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr float log2e = 1.4426950408889634f;
constexpr int rows_per_block = 8;

using Tiles = Gemm<256, 4, Share::b>;

constexpr int pieces = 2, columns = Tiles::BN / pieces;  // logits leave a tile in pieces
constexpr int staging_bytes = 64 * columns * 2;          // one warpgroup's part of a piece
constexpr size_t shared_bytes = 1024 + Tiles::ring_bytes + 2 * staging_bytes + 2 * Tiles::stages * 8;

struct TilePart {
  float top, sum;
};

struct Maps {
  CUtensorMap x, w, logits;
};

struct Shape {
  int column_tiles, pairs, k_tiles, rows, V;
  TilePart* parts;  // [rows, column_tiles]
};

__global__ __launch_bounds__(Tiles::threads, 1) void softmax_logits_kernel(const __grid_constant__ Maps maps,
                                                                           Shape shape) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + Tiles::ring_bytes + 2 * staging_bytes;
  Tiles::Ring ring{base, barriers, barriers + 8 * Tiles::stages};
  const uint32_t rank = cluster_rank();
  if (threadIdx.x == 0) {
    Tiles::init(ring);
    publish_barriers();
  }
  cluster_sync();
  // clusters side by side take the same columns, so the head is read once
  const int tiles = shape.pairs * shape.column_tiles, first = static_cast<int>(blockIdx.x) / 2,
            step = static_cast<int>(gridDim.x) / 2;
  const auto row_of = [&](int tile) { return (2 * (tile % shape.pairs) + static_cast<int>(rank)) * Tiles::BM; };
  if (threadIdx.x < warpgroup) {
    fewer_registers<Tiles::loader_registers>();
    if (threadIdx.x == 0)
      for (int tile = first; tile < tiles; tile += step)
        Tiles::load(ring, maps.x, maps.w, row_of(tile), tile / shape.pairs * Tiles::BN, shape.k_tiles, rank);
  } else {
    more_registers<Tiles::multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const uint32_t staging = base + Tiles::ring_bytes + group * staging_bytes;
    float d[Tiles::accumulators];
    for (int tile = first; tile < tiles; tile += step) {
      Tiles::multiply(ring, d, group, shape.k_tiles, [] {});
      const int row = row_of(tile) + 64 * group, column_tile = tile / shape.pairs, column = column_tile * Tiles::BN;
      if (column + Tiles::BN > shape.V) {
#pragma unroll
        for (int i = 0; i < Tiles::accumulators; ++i)
          if (column + i / 4 * 8 + lane % 4 * 2 + i % 2 >= shape.V) d[i] = -INFINITY;
      }
      float top[2], shift[2], sum[2] = {0, 0};  // of rows lane / 4 and 8 further
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float largest = d[2 * h];
#pragma unroll
        for (int i = 0; i < Tiles::accumulators / 4; ++i)
          largest = fmaxf(largest, fmaxf(d[4 * i + 2 * h], d[4 * i + 2 * h + 1]));
        largest = fmaxf(largest, __shfl_xor_sync(all_lanes, largest, 1));
        largest = fmaxf(largest, __shfl_xor_sync(all_lanes, largest, 2));
        top[h] = low_of(pair(largest, 0));
        shift[h] = top[h] == -INFINITY ? 0 : -top[h] * log2e;
      }
#pragma unroll
      for (int piece = 0; piece < pieces; ++piece) {
        if (thread == 0) wait_stores_read();
        sync_group(1 + group);
#pragma unroll
        for (int i = 0; i < columns / 16; ++i) {
          const float* v = d + piece * (columns / 2) + 8 * i;
          uint32_t r[4];
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            r[j] = pair(v[2 * j], v[2 * j + 1]);
            sum[j % 2] += exp2_fast(fmaf(low_of(r[j]), log2e, shift[j % 2]));
            sum[j % 2] += exp2_fast(fmaf(high_of(r[j]), log2e, shift[j % 2]));
          }
          store_tiles(tile_address(staging + i / 4 * 8192, 16 * warp, 2 * i % 8, lane), r[0], r[1], r[2], r[3]);
        }
        fence_async();
        sync_group(1 + group);
        if (thread == 0) {
          for (int box = 0; box < columns / 64; ++box)
            store_2d(maps.logits, column + piece * columns + 64 * box, row, staging + box * 8192);
          commit_stores();
        }
      }
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        sum[h] += __shfl_xor_sync(all_lanes, sum[h], 1);
        sum[h] += __shfl_xor_sync(all_lanes, sum[h], 2);
        const int r = row + 16 * warp + lane / 4 + 8 * h;
        if (lane % 4 == 0 && r < shape.rows)
          shape.parts[static_cast<int64_t>(r) * shape.column_tiles + column_tile] = {top[h], sum[h]};
      }
    }
    if (thread == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

/// A warp joins the tiles of a row, and looks for the first of its largest logits in the first tile that has one.
__global__ void join_tiles_kernel(const __nv_bfloat16* logits, const TilePart* parts, int tiles, LossRows r) {
  const int64_t index = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size;
  if (index >= r.rows) return;
  const int lane = threadIdx.x % warp_size;
  RowPart part;
  for (int tile = lane; tile < tiles; tile += warp_size) {
    RowPart next;
    next.top = parts[index * tiles + tile].top;
    next.sum = parts[index * tiles + tile].sum;
    next.best = tile;
    part.join<LossKind::softmax>(next);
  }
  part = join_group<LossKind::softmax, warp_size>(part, nullptr);
  const __nv_bfloat16* row = logits + index * r.ld;
  const int tile = part.best == INT32_MAX ? 0 : part.best, end = static_cast<int>(r.V);
  int best = INT32_MAX;
  for (int column = tile * 256 + lane; column < min(tile * 256 + 256, end); column += warp_size)
    if (to_float(row[column]) == part.top) best = min(best, column);
  best = __reduce_min_sync(all_lanes, best);
  if (lane != 0) return;
  const float normalizer = normalizer_of(part, LossKind::softmax);
  r.loss[index] = loss_of(row, r.V, r.labels[index], normalizer, LossKind::softmax);
  r.preds[index] = min(best, end - 1);
  if (r.normalizer) r.normalizer[index] = normalizer;
}

}  // namespace

void softmax_logits_sm90(const Tensor& x, const Weight& w, const Tensor& logits, const LossRows& r) {
  Context& context = context_of(x);
  const int64_t K = w.in(), V = w.out();
  const int64_t tiles = (V + Tiles::BN - 1) / Tiles::BN;
  const Tensor parts = Tensor::empty({r.rows, tiles, 2}, DType::float32, x.device());
  const Maps maps{make_matrix_map(x.address(), r.rows, K, K, Tiles::a_box),
                  make_matrix_map(w.value.address(), V, K, K, Tiles::b_box),
                  make_matrix_map(logits.address(), r.rows, V, r.ld, 64)};
  const Shape shape{static_cast<int>(tiles),
                    static_cast<int>((r.rows + 2 * Tiles::BM - 1) / (2 * Tiles::BM)),
                    static_cast<int>((K + Tiles::BK - 1) / Tiles::BK),
                    static_cast<int>(r.rows),
                    static_cast<int>(V),
                    elements<TilePart>(parts)};
  launch_pairs(context, "linear_cross_entropy", softmax_logits_kernel, int64_t{shape.pairs} * shape.column_tiles,
               Tiles::threads, shared_bytes, maps, shape);
  join_tiles_kernel<<<blocks_for(r.rows, rows_per_block), rows_per_block * warp_size, 0, context.stream>>>(
      elements<__nv_bfloat16>(logits), elements<TilePart>(parts), static_cast<int>(tiles), r);
  launched("linear_cross_entropy");
}

}  // namespace trm::cuda
