// dh = dy W_down, and in its epilogue the gradient through silu(gate) ∘ up, and h again: gate and up are read once, dh
// never leaves the chip. The kernel waits for memory more than it multiplies, so tiles are narrow and gate and up have
// two places: the next tile's load while this one is worked on.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/swiglu.h"

namespace trm::cuda {
namespace {

using namespace sm90;
using Tiles = Gemm<64, 6, Share::b>;

constexpr int part_bytes = 64 * Tiles::BN * 2;              // one warpgroup's part of gate, up or h
constexpr int slot_bytes = 2 * part_bytes;                  // gate, then its gradient; up, then its gradient
constexpr int staging_bytes = 2 * slot_bytes + part_bytes;  // two slots, h
constexpr int staging_at = Tiles::ring_bytes, barriers_at = staging_at + 2 * staging_bytes;
constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * Tiles::stages + 2 * 4);
static_assert(Tiles::BN == 64 && shared_bytes <= 232448);

struct Maps {
  CUtensorMap dy, w, gate_up, d_gate_up, h;
};

struct Shape {
  int column_tiles, pairs, k_tiles, inner;  // inner = I
};

__global__ __launch_bounds__(Tiles::threads, 1) void swiglu_backward_kernel_sm90(const __grid_constant__ Maps maps,
                                                                                 Shape shape) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + barriers_at, others = barriers + 16 * Tiles::stages;
  Tiles::Ring ring{base, barriers, barriers + 8 * Tiles::stages};
  const uint32_t rank = cluster_rank();
  const auto gate_up_there = [&](int group, int slot) { return others + 32 * group + 8 * slot; };
  const auto slot_free = [&](int group, int slot) { return others + 32 * group + 16 + 8 * slot; };
  if (threadIdx.x == 0) {
    Tiles::init(ring);
    for (int i = 0; i < 8; ++i) init_barrier(others + 8 * i, 1);
    publish_barriers();
  }
  cluster_sync();
  const int tiles = shape.pairs * shape.column_tiles, first = static_cast<int>(blockIdx.x) / 2,
            step = static_cast<int>(gridDim.x) / 2;
  const auto row_of = [&](int tile) { return (2 * (tile / shape.column_tiles) + static_cast<int>(rank)) * Tiles::BM; };
  const auto column_of = [&](int tile) { return tile % shape.column_tiles * Tiles::BN; };
  if (threadIdx.x < warpgroup) {
    fewer_registers<Tiles::loader_registers>();
    if (threadIdx.x == 0) {
      for (int tile = first; tile < tiles; tile += step)
        Tiles::load(ring, maps.dy, maps.w, row_of(tile), column_of(tile), shape.k_tiles, rank);
    } else if (threadIdx.x == warp_size) {
      int count = 0;
      for (int tile = first; tile < tiles; tile += step, ++count)
        for (int group = 0; group < 2; ++group) {
          const int slot = count % 2, row = row_of(tile) + 64 * group;
          const uint32_t to = base + staging_at + group * staging_bytes + slot * slot_bytes,
                         there = gate_up_there(group, slot);
          wait(slot_free(group, slot), (count / 2 & 1) ^ 1);
          arrive_expecting(there, slot_bytes);
          load_2d(to, maps.gate_up, column_of(tile), row, there);
          load_2d(to + part_bytes, maps.gate_up, shape.inner + column_of(tile), row, there);
        }
    }
  } else {
    more_registers<Tiles::multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const uint32_t staging = base + staging_at + group * staging_bytes, h_at = staging + 2 * slot_bytes;
    float d[Tiles::accumulators];
    int count = 0;
    for (int tile = first; tile < tiles; tile += step, ++count) {
      Tiles::multiply(ring, d, group, shape.k_tiles, [&] {
        if (thread == 0 && count > 0) {
          wait_stores_read();
          arrive(slot_free(group, (count - 1) % 2));
        }
      });
      const uint32_t gates = staging + count % 2 * slot_bytes, ups = gates + part_bytes;
      wait(gate_up_there(group, count % 2), count / 2 & 1);
      if (count > 0) sync_group(1 + group);  // h of the last tile has been read: thread 0 has waited for it
#pragma unroll
      for (int i = 0; i < Tiles::BN / 16; ++i) {
        const uint32_t at = tile_address(gates, 16 * warp, 2 * i, lane);
        uint32_t gate[4], up[4], h[4];
        load_tiles(at, gate);
        load_tiles(at + part_bytes, up);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          float d_gate[2], d_up[2], out[2];
#pragma unroll
          for (int k = 0; k < 2; ++k) {
            const float g = k ? high_of(gate[j]) : low_of(gate[j]), u = k ? high_of(up[j]) : low_of(up[j]),
                        dh = d[8 * i + 2 * j + k];
            const float s = fast_sigmoid(g), silu = g * s;
            d_gate[k] = dh * u * s * (1.0f + g * (1.0f - s));
            d_up[k] = dh * silu;
            out[k] = silu * u;
          }
          gate[j] = pair(d_gate[0], d_gate[1]);
          up[j] = pair(d_up[0], d_up[1]);
          h[j] = pair(out[0], out[1]);
        }
        store_tiles(at, gate[0], gate[1], gate[2], gate[3]);
        store_tiles(at + part_bytes, up[0], up[1], up[2], up[3]);
        store_tiles(at - gates + h_at, h[0], h[1], h[2], h[3]);
      }
      fence_async();
      sync_group(1 + group);
      if (thread == 0) {
        const int row = row_of(tile) + 64 * group, column = column_of(tile);
        store_2d(maps.d_gate_up, column, row, gates);
        store_2d(maps.d_gate_up, shape.inner + column, row, ups);
        store_2d(maps.h, column, row, h_at);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

}  // namespace

bool linear_swiglu_backward_sm90(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up,
                                 Tensor& h) {
  Context& context = context_of(dy);
  const View w = transposed(context, down_proj);
  const int64_t M = dy.size(0), D = down_proj.out(), I = down_proj.in();
  if (!w || dy.dtype() != DType::bfloat16 || I % Tiles::BN != 0 || !mappable(dy.address(), D) ||
      !mappable(gate_up.address(), I) || !mappable(d_gate_up.address(), I) || !mappable(h.address(), I))
    return false;
  if (M == 0) return true;
  const Maps maps{make_matrix_map(dy.address(), M, D, D, Tiles::a_box),
                  make_matrix_map(w.data, I, D, w.ld, Tiles::b_box),
                  make_matrix_map(gate_up.address(), M, 2 * I, 2 * I, 64),
                  make_matrix_map(d_gate_up.address(), M, 2 * I, 2 * I, 64), make_matrix_map(h.address(), M, I, I, 64)};
  const Shape shape{static_cast<int>(I / Tiles::BN), static_cast<int>((M + 2 * Tiles::BM - 1) / (2 * Tiles::BM)),
                    static_cast<int>((D + 63) / 64), static_cast<int>(I)};
  launch_pairs(context, "linear_swiglu_backward", swiglu_backward_kernel_sm90,
               int64_t{shape.pairs} * shape.column_tiles, Tiles::threads, shared_bytes, maps, shape);
  return true;
}

}  // namespace trm::cuda
