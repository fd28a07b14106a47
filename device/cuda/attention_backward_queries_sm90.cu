// The gradient of attention's queries on Hopper, for what attention_backward_keys_sm90.cu leaves: three products. A
// warpgroup holds 64 queries and keys pass by in tiles of 64: s = q kᵀ and dp = dout vᵀ, then ds, an operand out of
// registers, times k. Blocks stay and take one item (the queries of all warpgroups of a head) after the other. Rows
// outside the sequence load as zeros.
#include "device/cuda/attention_backward_parts_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int groups = 3, own_rows = 64 * groups, keys = 64, stages = 4;
constexpr int threads = (groups + 1) * warpgroup, loader_registers = 24, multiplier_registers = 160;
constexpr float log2e = 1.4426950408889634f;

template <int head_dim>
struct Layout {
  static constexpr int tile_bytes = 64 * head_dim * 2, stage_bytes = 2 * tile_bytes;
  static constexpr int slot_bytes = groups * 2 * tile_bytes, stages_at = 2 * slot_bytes,
                       barriers_at = stages_at + stages * stage_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 4);
};

template <int head_dim>
__global__ __launch_bounds__(threads, 1) void attention_gradient_queries_kernel(const __grid_constant__ PartMaps maps,
                                                                                PartShape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim>;
  constexpr int steps = head_dim / 16, warps = warpgroup / warp_size;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers_at;
  const auto tile_at = [&](int step) { return base + L::stages_at + step % stages * L::stage_bytes; };
  const auto full = [&](int step) { return barriers + 8 * (step % stages); };
  const auto empty = [&](int step) { return barriers + 8 * (stages + step % stages); };
  const auto own_there = [&](int slot) { return barriers + 8 * (2 * stages + slot); };
  const auto own_free = [&](int slot) { return barriers + 8 * (2 * stages + 2 + slot); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), groups * warps);
    }
    for (int i = 0; i < 2; ++i) {
      init_barrier(own_there(i), 1);
      init_barrier(own_free(i), groups);
    }
    publish_barriers();
  }
  __syncthreads();
  const int N = shape.N;
  struct Item {
    int first, x, head, b, tiles;
  };
  const auto item_at = [&](int index) {
    // causal: all long ones first, so that no block of threads gets only these
    const int pairs = shape.items / shape.blocks, pair = shape.causal ? index % pairs : index / shape.blocks;
    const int first = (shape.causal ? shape.blocks - 1 - index / pairs : index % shape.blocks) * own_rows;
    return Item{first, pair % shape.heads * head_dim, pair % shape.heads, pair / shape.heads,
                ((shape.causal ? min(N, first + own_rows) : N) + keys - 1) / keys};
  };
  int count = 0, k = 0;  // items, tiles so far
  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0)
      for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
        const Item item = item_at(index);
        const int slot = count % 2;
        wait(own_free(slot), (count / 2 & 1) ^ 1);
        arrive_expecting(own_there(slot), L::slot_bytes);
        for (int g = 0; g < groups; ++g) {
          const uint32_t to = base + slot * L::slot_bytes + g * 2 * L::tile_bytes;
          load_3d(to, maps.qkv, item.x, item.first + 64 * g, item.b, own_there(slot));
          load_3d(to + L::tile_bytes, maps.dout, item.x, item.first + 64 * g, item.b, own_there(slot));
        }
        for (int t = 0; t < item.tiles; ++t, ++k) {
          wait(empty(k), (k / stages & 1) ^ 1);
          arrive_expecting(full(k), L::stage_bytes);
          load_3d(tile_at(k), maps.qkv, shape.inner + item.x, t * keys, item.b, full(k));
          load_3d(tile_at(k) + L::tile_bytes, maps.qkv, 2 * shape.inner + item.x, t * keys, item.b, full(k));
        }
      }
  } else {
    more_registers<multiplier_registers>();
    const int role = threadIdx.x / warpgroup, group = role - 1, thread = threadIdx.x % warpgroup,
              lane = thread % warp_size, warp = thread / warp_size, column = 2 * (lane % 4);
    const float scale = shape.scale * log2e;
    for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
      const Item item = item_at(index);
      const int slot = count % 2, row = item.first + 64 * group, low = row + 16 * warp + lane / 4;
      const int tiles = row >= N ? 0 : shape.causal ? min(item.tiles, row / keys + 1) : item.tiles;
      const uint32_t own = base + slot * L::slot_bytes + group * 2 * L::tile_bytes;
      wait(own_there(slot), count / 2 & 1);
      if (tiles > 0) {
        const float2* statistics = shape.statistics + (int64_t{item.b} * shape.heads + item.head) * shape.padded;
        uint32_t ds[keys / 16][4];
        float s[keys / 2], dp[keys / 2], dq[head_dim / 2] = {};
        float2 mine[2];
#pragma unroll
        for (int r = 0; r < 2; ++r) mine[r] = low + 8 * r < N ? statistics[low + 8 * r] : make_float2(INFINITY, 0);
        const uint64_t own_q = head_descriptor<head_dim>(own), own_g = head_descriptor<head_dim>(own + L::tile_bytes);
        const auto multiply = [&](float(&d)[keys / 2], uint64_t a, uint64_t b) {
#pragma unroll
          for (int i = 0; i < steps; ++i)
            if (i == 0)
              Wgmma<keys>::template start<0, 0>(d, a, b);
            else
              Wgmma<keys>::template run<0, 0>(d, a + 2 * i, b + 2 * i, 1);
          products_commit();
        };
        const auto multiply_scores = [&](int step) {
          wait(full(step), step / stages & 1);
          products_begin();
          multiply(s, own_q, head_descriptor<head_dim>(tile_at(step)));
          multiply(dp, own_g, head_descriptor<head_dim>(tile_at(step) + L::tile_bytes));
        };
        const auto weigh = [&](int t) {  // s becomes p
#pragma unroll
          for (int i = 0; i < keys / 2; ++i) s[i] = exp2_fast(fmaf(s[i], scale, -mine[i % 4 / 2].x));
          // keys behind the end have scores of 0, whose weight may be infinite
          if (t * keys + keys > N || (shape.causal && t * keys + keys > row)) {
#pragma unroll
            for (int i = 0; i < keys / 2; ++i) {
              const int key = t * keys + i / 4 * 8 + column + i % 2;
              if (key >= N || (shape.causal && key > low + i % 4 / 2 * 8)) s[i] = 0;
            }
          }
        };
        const auto differ = [&] {  // dp becomes ds
#pragma unroll
          for (int i = 0; i < keys / 2; ++i) dp[i] = s[i] * (dp[i] - mine[i % 4 / 2].y);
        };
        const auto take_tile = [&]<bool last>(int t) {
#pragma unroll
          for (int j = 0; j < keys / 8; ++j)
#pragma unroll
            for (int r = 0; r < 2; ++r) ds[j / 2][2 * (j % 2) + r] = pair(dp[4 * j + 2 * r], dp[4 * j + 2 * r + 1]);
          const uint64_t k_rows = head_descriptor<head_dim>(tile_at(k));
          if constexpr (last)
            products_begin();
          else
            multiply_scores(k + 1);
#pragma unroll
          for (int i = 0; i < keys / 16; ++i) Wgmma<head_dim>::template run<1>(dq, ds[i], k_rows + 2 * head_dim * i, 1);
          products_commit();
          if constexpr (!last) {  // beside the products with k
            products_wait<2>();
            pin(s);
            weigh(t + 1);
            products_wait<1>();
            pin(dp);
            differ();
          }
          products_wait<0>();
          pin(dq);
          if (lane == 0) arrive(empty(k));
        };
        pin(dq);
        multiply_scores(k);
        if (count > 0 && thread == 0) {  // the item before has gone out
          wait_stores_read();
          arrive(own_free(slot ^ 1));
        }
        products_wait<0>();
        pin(s);
        pin(dp);
        weigh(0);
        differ();
        for (int t = 0; t + 1 < tiles; ++t, ++k) take_tile.template operator()<false>(t);
        take_tile.template operator()<true>(tiles - 1);
        ++k;
        if (shape.cos) rotate_back<head_dim>(dq, shape.cos, shape.sin, low, column, N);
        sync_group(role);  // the own rows have been read
        write_rows<head_dim>(dq, shape.scale, own, 16 * warp, lane);
        fence_async();
        sync_group(role);
        if (thread == 0) {
          store_3d(maps.dqkv, item.x, row, item.b, own);
          commit_stores();
        }
      } else if (count > 0 && thread == 0) {
        wait_stores_read();
        arrive(own_free(slot ^ 1));
      }
      for (int t = tiles; t < item.tiles; ++t, ++k) {  // what others still load
        if (lane == 0) {
          wait(full(k), k / stages & 1);
          arrive(empty(k));
        }
        __syncwarp();
      }
    }
    if (thread == 0) wait_stores();
  }
#endif
}

template <int head_dim>
void run(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& statistics, Tensor& dqkv) {
  launch_parts<head_dim>(attention_gradient_queries_kernel<head_dim>, own_rows, threads, Layout<head_dim>::shared_bytes,
                         shape, dout, qkv, statistics, dqkv);
}

}  // namespace

void attention_backward_queries_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                     const Tensor& statistics, Tensor& dqkv) {
  if (shape.head_dim == 64)
    run<64>(shape, dout, qkv, statistics, dqkv);
  else
    run<32>(shape, dout, qkv, statistics, dqkv);
}

}  // namespace trm::cuda
