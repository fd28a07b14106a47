// The gradient of attention's keys and values on Hopper: four products; attention_backward_queries_sm90.cu makes the
// other three. A warpgroup holds 64 keys and values in registers as operands and queries pass by in tiles of 64: sᵀ =
// k qᵀ and dpᵀ = v doutᵀ, then pᵀ and dsᵀ, operands out of registers again, times dout and q give dv and dk. Blocks
// stay and take one item (128 keys of a head) after the other. Rows outside the sequence load as zeros; queries there
// have the log-sum-exp +∞.
#include "device/cuda/attention_backward_parts_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int groups = 2, own_rows = 64 * groups, queries = 64, stages = 4, statistics_bytes = queries * 8;
constexpr int threads = (groups + 1) * warpgroup, loader_registers = 24, multiplier_registers = 240;
constexpr float log2e = 1.4426950408889634f;

template <int head_dim>
struct Layout {
  static constexpr int tile_bytes = 64 * head_dim * 2, stage_bytes = 2 * tile_bytes;
  static constexpr int slot_bytes = groups * 2 * tile_bytes, stages_at = 2 * slot_bytes,
                       out_at = stages_at + stages * stage_bytes, statistics_at = out_at + groups * 2 * tile_bytes,
                       barriers_at = statistics_at + stages * statistics_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 4);
};

template <int head_dim>
__global__ __launch_bounds__(threads, 1) void attention_gradient_keys_kernel(const __grid_constant__ PartMaps maps,
                                                                             PartShape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim>;
  constexpr int steps = head_dim / 16, warps = warpgroup / warp_size;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers_at;
  const auto tile_at = [&](int step) { return base + L::stages_at + step % stages * L::stage_bytes; };
  const auto statistics_at = [&](int step) { return base + L::statistics_at + step % stages * statistics_bytes; };
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
      init_barrier(own_free(i), groups * warps);
    }
    publish_barriers();
  }
  __syncthreads();
  const int N = shape.N, tiles = (N + queries - 1) / queries;
  struct Item {
    int first, x, pair, b, begin;  // queries' tiles from `begin` on
  };
  const auto item_at = [&](int index) {
    // causal: all long ones first, so that no block of threads gets only these
    const int pairs = shape.items / shape.blocks, pair = shape.causal ? index % pairs : index / shape.blocks;
    const int first = (shape.causal ? index / pairs : index % shape.blocks) * own_rows;
    return Item{first, pair % shape.heads * head_dim, pair, pair / shape.heads, shape.causal ? first / queries : 0};
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
        for (int g = 0; g < groups; ++g)
          for (int i = 0; i < 2; ++i)
            load_3d(base + slot * L::slot_bytes + (2 * g + i) * L::tile_bytes, maps.qkv, (i + 1) * shape.inner + item.x,
                    item.first + 64 * g, item.b, own_there(slot));
        for (int t = item.begin; t < tiles; ++t, ++k) {
          wait(empty(k), (k / stages & 1) ^ 1);
          arrive_expecting(full(k), L::stage_bytes + statistics_bytes);
          load_3d(tile_at(k), maps.qkv, item.x, t * queries, item.b, full(k));
          load_3d(tile_at(k) + L::tile_bytes, maps.dout, item.x, t * queries, item.b, full(k));
          load_bytes(statistics_at(k), shape.statistics + int64_t{item.pair} * shape.padded + t * queries,
                     statistics_bytes, full(k));
        }
      }
  } else {
    more_registers<multiplier_registers>();
    const int role = threadIdx.x / warpgroup, group = role - 1, thread = threadIdx.x % warpgroup,
              lane = thread % warp_size, warp = thread / warp_size, column = 2 * (lane % 4);
    const float scale = shape.scale * log2e;
    const uint32_t out = base + L::out_at + group * 2 * L::tile_bytes;
    for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
      const Item item = item_at(index);
      const int slot = count % 2, row = item.first + 64 * group, low = row + 16 * warp + lane / 4;
      int t = item.begin;
      for (const int seen = row >= N ? tiles : shape.causal ? row / queries : 0; t < seen; ++t, ++k) {
        if (lane == 0) {  // queries that see none of these keys
          wait(full(k), k / stages & 1);
          arrive(empty(k));
        }
        __syncwarp();
      }
      if (row >= N) {
        if (lane == 0) {
          wait(own_there(slot), count / 2 & 1);
          arrive(own_free(slot));
        }
        __syncwarp();
        continue;
      }
      const uint32_t own = base + slot * L::slot_bytes + group * 2 * L::tile_bytes;
      uint32_t keys[steps][4], values[steps][4], weight[queries / 16][4], ds[queries / 16][4];
      float s[queries / 2], dp[queries / 2], dk[head_dim / 2] = {}, dv[head_dim / 2] = {};
      const auto multiply = [&](float(&d)[queries / 2], const uint32_t(&a)[steps][4], uint64_t b) {
#pragma unroll
        for (int i = 0; i < steps; ++i)
          if (i == 0)
            Wgmma<queries>::template start<0>(d, a[i], b);
          else
            Wgmma<queries>::template run<0>(d, a[i], b + 2 * i, 1);
        products_commit();
      };
      const auto multiply_scores = [&](int step) {
        wait(full(step), step / stages & 1);
        products_begin();
        multiply(s, keys, head_descriptor<head_dim>(tile_at(step)));
        multiply(dp, values, head_descriptor<head_dim>(tile_at(step) + L::tile_bytes));
      };
      const auto weigh = [&](int step, int tile) {  // s becomes p
#pragma unroll
        for (int j = 0; j < queries / 8; ++j) {
          const float4 theirs = load_shared(statistics_at(step) + (8 * j + column) * 8);
#pragma unroll
          for (int i = 4 * j; i < 4 * j + 4; ++i) s[i] = exp2_fast(fmaf(s[i], scale, -(i % 2 ? theirs.z : theirs.x)));
        }
        // keys behind the end have scores of 0, whose weight may be infinite
        if (row + 64 > N || (shape.causal && tile * queries < row + 64)) {
#pragma unroll
          for (int i = 0; i < queries / 2; ++i) {
            const int key = low + i % 4 / 2 * 8, query = tile * queries + i / 4 * 8 + column + i % 2;
            if (key >= N || (shape.causal && key > query)) s[i] = 0;
          }
        }
      };
      const auto differ = [&](int step) {  // dp becomes ds
#pragma unroll
        for (int j = 0; j < queries / 8; ++j) {
          const float4 theirs = load_shared(statistics_at(step) + (8 * j + column) * 8);
#pragma unroll
          for (int i = 4 * j; i < 4 * j + 4; ++i) dp[i] = s[i] * (dp[i] - (i % 2 ? theirs.w : theirs.y));
        }
      };
      const auto take_tile = [&]<bool last>() {
#pragma unroll
        for (int j = 0; j < queries / 8; ++j)
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            const int i = 4 * j + 2 * r;
            weight[j / 2][2 * (j % 2) + r] = pair(s[i], s[i + 1]);
            ds[j / 2][2 * (j % 2) + r] = pair(dp[i], dp[i + 1]);
          }
        const uint32_t tile = tile_at(k);
        const uint64_t q = head_descriptor<head_dim>(tile), g = head_descriptor<head_dim>(tile + L::tile_bytes);
        if constexpr (last)
          products_begin();
        else
          multiply_scores(k + 1);
#pragma unroll
        for (int i = 0; i < queries / 16; ++i) {
          Wgmma<head_dim>::template run<1>(dv, weight[i], g + 2 * head_dim * i, 1);
          Wgmma<head_dim>::template run<1>(dk, ds[i], q + 2 * head_dim * i, 1);
        }
        products_commit();
        if constexpr (!last) {  // beside the products with dout and q
          products_wait<2>();
          pin(s);
          weigh(k + 1, t + 1);
          products_wait<1>();
          pin(dp);
          differ(k + 1);
        }
        products_wait<0>();
        pin(dk);
        pin(dv);
        __syncwarp();  // all lanes have read their statistics
        if (lane == 0) arrive(empty(k));
      };
      wait(own_there(slot), count / 2 & 1);
#pragma unroll
      for (int i = 0; i < steps; ++i) {
        load_tiles(head_tile_address<head_dim>(own, 16 * warp, 2 * i, lane), keys[i]);
        load_tiles(head_tile_address<head_dim>(own + L::tile_bytes, 16 * warp, 2 * i, lane), values[i]);
      }
      pin(dk);
      pin(dv);
      multiply_scores(k);
      products_wait<0>();
      pin(s);
      pin(dp);
      weigh(k, t);
      differ(k);
      for (; t + 1 < tiles; ++t, ++k) take_tile.template operator()<false>();
      take_tile.template operator()<true>();
      ++k;
      if (lane == 0) arrive(own_free(slot));
      if (shape.cos) rotate_back<head_dim>(dk, shape.cos, shape.sin, low, column, N);
      if (thread == 0) wait_stores_read();
      sync_group(role);
      write_rows<head_dim>(dk, shape.scale, out, 16 * warp, lane);
      write_rows<head_dim>(dv, 1.0f, out + L::tile_bytes, 16 * warp, lane);
      fence_async();
      sync_group(role);
      if (thread == 0) {
        store_3d(maps.dqkv, shape.inner + item.x, row, item.b, out);
        store_3d(maps.dqkv, 2 * shape.inner + item.x, row, item.b, out + L::tile_bytes);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
#endif
}

template <int head_dim>
void run(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& statistics, Tensor& dqkv) {
  launch_parts<head_dim>(attention_gradient_keys_kernel<head_dim>, own_rows, threads, Layout<head_dim>::shared_bytes,
                         shape, dout, qkv, statistics, dqkv);
}

}  // namespace

void attention_backward_keys_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                  const Tensor& statistics, Tensor& dqkv) {
  if (shape.head_dim == 64)
    run<64>(shape, dout, qkv, statistics, dqkv);
  else
    run<32>(shape, dout, qkv, statistics, dqkv);
}

}  // namespace trm::cuda
