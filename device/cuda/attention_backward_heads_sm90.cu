// The gradient of attention on Hopper with five products, a block of threads per head. Two warpgroups hold 64 keys
// each; queries pass by in tiles of 64: sᵀ = k qᵀ and dpᵀ = v doutᵀ, then pᵀ and dsᵀ, operands out of registers, times
// dout and q give dv and dk. dsᵀ also goes through shared memory to a third warpgroup, which adds ds k to dq. One block
// sees all keys of its head, one after the other, so dq is summed in a fixed order: float32 in a scratch area of the
// block's own that stays in the L2 cache (each element is read and written by one thread), and is rounded once at the
// end. Rows outside the sequence load as zeros; queries there have the log-sum-exp +∞.
#include "device/cuda/attention_backward_sm90.h"
#include "device/cuda/attention_tiles_sm90.cuh"
#include "device/cuda/gemm_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int groups = 2, block_keys = 64 * groups, queries = 64, stages = 4, places = 2;  // places: of ds
constexpr int threads = (groups + 2) * warpgroup, warps = warpgroup / warp_size;
constexpr int ds_bytes = 64 * queries * 2, statistics_bytes = queries * 8;
constexpr float log2e = 1.4426950408889634f;

struct Maps {
  CUtensorMap qkv, dout, dqkv;  // boxes of 64 rows of a head
};

struct Shape {
  int N, padded, heads, inner, blocks, tiles, pairs;  // blocks of keys, tiles of queries, pairs = B · heads
  bool causal;
  float scale;               // 1/√head_dim
  const float2* statistics;  // [B, heads, padded]: lse · log2(e), dout·out
  float4* sums;              // [grid, tiles, head_dim / 8, 128]: dq in the layout of its accumulator
  const float *cos, *sin;    // null: no rotation
};

template <int head_dim>
struct Layout {
  static constexpr int tile_bytes = 64 * head_dim * 2, stage_bytes = 2 * tile_bytes,
                       slot_bytes = groups * 2 * tile_bytes;
  static constexpr int stages_at = 2 * slot_bytes, ds_at = stages_at + stages * stage_bytes,
                       out_at = ds_at + places * groups * ds_bytes, dq_at = out_at + groups * 2 * tile_bytes,
                       statistics_at = dq_at + tile_bytes, barriers_at = statistics_at + stages * statistics_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 4 + 2 * places);
};

template <int head_dim>
__global__ __launch_bounds__(threads, 1) void attention_gradient_heads_kernel(const __grid_constant__ Maps maps,
                                                                              Shape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim>;
  constexpr int steps = head_dim / 16, loader_registers = 24, multiplier_registers = 208, dq_registers = 72;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers_at;
  const auto tile_at = [&](int step) { return base + L::stages_at + step % stages * L::stage_bytes; };
  const auto statistics_at = [&](int step) { return base + L::statistics_at + step % stages * statistics_bytes; };
  const auto full = [&](int step) { return barriers + 8 * (step % stages); };
  const auto empty = [&](int step) { return barriers + 8 * (stages + step % stages); };
  const auto own_there = [&](int slot) { return barriers + 8 * (2 * stages + slot); };
  const auto own_free = [&](int slot) { return barriers + 8 * (2 * stages + 2 + slot); };
  const auto ds_there = [&](int step) { return barriers + 8 * (2 * stages + 4 + step % places); };
  const auto ds_free = [&](int step) { return barriers + 8 * (2 * stages + 4 + places + step % places); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), groups * warps);
    }
    for (int i = 0; i < 2; ++i) {
      init_barrier(own_there(i), 1);
      init_barrier(own_free(i), (groups + 1) * warps);
    }
    for (int i = 0; i < places; ++i) {
      init_barrier(ds_there(i), groups * warps);
      init_barrier(ds_free(i), warps);
    }
    publish_barriers();
  }
  __syncthreads();
  const int N = shape.N, tiles = shape.tiles, role = threadIdx.x / warpgroup, thread = threadIdx.x % warpgroup,
            lane = thread % warp_size, warp = thread / warp_size, column = 2 * (lane % 4);
  const auto first_tile = [&](int block) { return shape.causal ? groups * block : 0; };
  int count = 0, k = 0;  // blocks of keys, tiles of queries so far
  if (role == 0) {
    fewer_registers<loader_registers>();
    if (thread == 0)
      for (int pair = blockIdx.x; pair < shape.pairs; pair += gridDim.x) {
        const int x = pair % shape.heads * head_dim, b = pair / shape.heads;
        for (int block = 0; block < shape.blocks; ++block, ++count) {
          const int slot = count % 2;
          wait(own_free(slot), (count / 2 & 1) ^ 1);
          arrive_expecting(own_there(slot), L::slot_bytes);
          for (int g = 0; g < groups; ++g)
            for (int i = 0; i < 2; ++i)
              load_3d(base + slot * L::slot_bytes + (2 * g + i) * L::tile_bytes, maps.qkv, (i + 1) * shape.inner + x,
                      block * block_keys + 64 * g, b, own_there(slot));
          for (int t = first_tile(block); t < tiles; ++t, ++k) {
            wait(empty(k), (k / stages & 1) ^ 1);
            arrive_expecting(full(k), L::stage_bytes + statistics_bytes);
            load_3d(tile_at(k), maps.qkv, x, t * queries, b, full(k));
            load_3d(tile_at(k) + L::tile_bytes, maps.dout, x, t * queries, b, full(k));
            load_bytes(statistics_at(k), shape.statistics + int64_t{pair} * shape.padded + t * queries,
                       statistics_bytes, full(k));
          }
        }
      }
  } else if (role <= groups) {
    more_registers<multiplier_registers>();
    const int group = role - 1;
    const float scale = shape.scale * log2e;
    const uint32_t out = base + L::out_at + group * 2 * L::tile_bytes;
    for (int pair = blockIdx.x; pair < shape.pairs; pair += gridDim.x)
      for (int block = 0; block < shape.blocks; ++block, ++count) {
        const int slot = count % 2, row = block * block_keys + 64 * group, low = row + 16 * warp + lane / 4;
        int t = first_tile(block);
        for (const int seen = row >= N ? tiles : shape.causal ? row / queries : 0; t < seen; ++t, ++k) {
          if (lane == 0) {  // queries that see none of these keys
            wait(full(k), k / stages & 1);
            arrive(empty(k));
            wait(ds_free(k), (k / places & 1) ^ 1);
            arrive(ds_there(k));
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
        uint32_t weight[queries / 16][4], ds[queries / 16][4];
        float s[queries / 2], dp[queries / 2], dk[head_dim / 2] = {}, dv[head_dim / 2] = {};
        const uint64_t own_keys = head_descriptor<head_dim>(own),
                       own_values = head_descriptor<head_dim>(own + L::tile_bytes);
        const auto multiply = [&](float(&d)[queries / 2], uint64_t a, uint64_t b) {
#pragma unroll
          for (int i = 0; i < steps; ++i)
            if (i == 0)
              Wgmma<queries>::template start<0, 0>(d, a, b);
            else
              Wgmma<queries>::template run<0, 0>(d, a + 2 * i, b + 2 * i, 1);
          products_commit();
        };
        const auto multiply_scores = [&](int step) {
          wait(full(step), step / stages & 1);
          const uint32_t tile = tile_at(step);
          const uint64_t q = head_descriptor<head_dim>(tile), g = head_descriptor<head_dim>(tile + L::tile_bytes);
          products_begin();
          multiply(s, own_keys, q);
          multiply(dp, own_values, g);
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
              weight[j / 2][2 * (j % 2) + r] = sm90::pair(s[i], s[i + 1]);
              ds[j / 2][2 * (j % 2) + r] = sm90::pair(dp[i], dp[i + 1]);
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
          wait(ds_free(k), (k / places & 1) ^ 1);
          const uint32_t to = base + L::ds_at + (k % places * groups + group) * ds_bytes;
#pragma unroll
          for (int i = 0; i < queries / 16; ++i)
            store_tiles(tile_address(to, 16 * warp, 2 * i, lane), ds[i][0], ds[i][1], ds[i][2], ds[i][3]);
          fence_async();
          __syncwarp();
          if (lane == 0) arrive(ds_there(k));
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
          if (lane == 0) arrive(empty(k));
        };
        wait(own_there(slot), count / 2 & 1);
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
          const int x = pair % shape.heads * head_dim, b = pair / shape.heads;
          store_3d(maps.dqkv, shape.inner + x, row, b, out);
          store_3d(maps.dqkv, 2 * shape.inner + x, row, b, out + L::tile_bytes);
          commit_stores();
        }
      }
    if (thread == 0) wait_stores();
  } else {
    fewer_registers<dq_registers>();
    const uint32_t out = base + L::dq_at;
    for (int pair = blockIdx.x; pair < shape.pairs; pair += gridDim.x)
      for (int block = 0; block < shape.blocks; ++block, ++count) {
        const int slot = count % 2, begin = first_tile(block);
        const uint32_t own = base + slot * L::slot_bytes;
        wait(own_there(slot), count / 2 & 1);
        for (int t = begin; t < tiles; ++t, ++k) {
          float4* sums = shape.sums + (int64_t{blockIdx.x} * tiles + t) * (head_dim / 8 * warpgroup) + thread;
          float dq[head_dim / 2];
          if (block > 0)
#pragma unroll
            for (int i = 0; i < head_dim / 8; ++i) {
              const float4 before = __ldcg(sums + i * warpgroup);
              dq[4 * i] = before.x, dq[4 * i + 1] = before.y, dq[4 * i + 2] = before.z, dq[4 * i + 3] = before.w;
            }
          else
#pragma unroll
            for (float& value : dq) value = 0;
          // the second half may be behind the end, or its keys unseen
          const bool both = block * block_keys + 64 < N && (!shape.causal || t > begin);
          wait(ds_there(k), k / places & 1);
          const uint64_t a = descriptor(base + L::ds_at + k % places * groups * ds_bytes),
                         b = head_descriptor<head_dim>(own);
          const auto multiply = [&]<int halves>() {
            pin(dq);
            products_begin();
#pragma unroll
            for (int i = 0; i < 4 * halves; ++i)
              Wgmma<head_dim>::template run<1, 1>(dq, a + 128 * i,
                                                  b + i / 4 * (2 * L::tile_bytes / 16) + 2 * head_dim * (i % 4), 1);
            products_commit();
            products_wait<0>();
            pin(dq);
          };
          if (both)
            multiply.template operator()<2>();
          else
            multiply.template operator()<1>();
          if (lane == 0) arrive(ds_free(k));
          if (shape.causal ? t / groups == block : block == shape.blocks - 1) {
            const int low = t * queries + 16 * warp + lane / 4;
            if (shape.cos) rotate_back<head_dim>(dq, shape.cos, shape.sin, low, column, N);
            if (thread == 0) wait_stores_read();
            sync_group(role);
            write_rows<head_dim>(dq, shape.scale, out, 16 * warp, lane);
            fence_async();
            sync_group(role);
            if (thread == 0) {
              store_3d(maps.dqkv, pair % shape.heads * head_dim, t * queries, pair / shape.heads, out);
              commit_stores();
            }
          } else {
#pragma unroll
            for (int i = 0; i < head_dim / 8; ++i)
              __stcg(sums + i * warpgroup, make_float4(dq[4 * i], dq[4 * i + 1], dq[4 * i + 2], dq[4 * i + 3]));
          }
        }
        if (lane == 0) arrive(own_free(slot));
      }
    if (thread == 0) wait_stores();
  }
#endif
}

template <int head_dim>
void launch(Context& context, int grid, const Maps& maps, const Shape& shape) {
  using L = Layout<head_dim>;
  const auto kernel = attention_gradient_heads_kernel<head_dim>;
  TRM_CUDA(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(L::shared_bytes)));
  kernel<<<grid, threads, L::shared_bytes, context.stream>>>(maps, shape);
  launched("attention_backward");
}

template <int head_dim>
void run(Context& context, const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
         const Tensor& lse, Tensor& dqkv) {
  const int64_t N = shape.N, inner = shape.heads * head_dim, tiles = (N + queries - 1) / queries;
  const auto pairs = static_cast<int>(shape.B * shape.heads);
  const int grid = std::min(pairs, context.multiprocessors);
  const Tensor statistics = attention_statistics(shape, dout, out, lse, tiles * queries),
               sums = Tensor::empty({grid, tiles, queries, head_dim}, DType::float32, qkv.device());
  const auto map = [&](const Tensor& t, int64_t width) {
    return make_tensor_map(t.address(), {width, N, shape.B}, {width * 2, N * width * 2}, {head_dim, 64, 1},
                           head_dim == 32);
  };
  const Maps maps{map(qkv, 3 * inner), map(dout, inner), map(dqkv, 3 * inner)};
  const Shape s{static_cast<int>(N),
                static_cast<int>(tiles * queries),
                shape.heads,
                static_cast<int>(inner),
                static_cast<int>((N + block_keys - 1) / block_keys),
                static_cast<int>(tiles),
                pairs,
                shape.causal,
                shape.scale,
                elements<float2>(statistics),
                elements<float4>(sums),
                shape.cos,
                shape.sin};
  launch<head_dim>(context, grid, maps, s);
}

}  // namespace

void attention_backward_heads_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                   const Tensor& out, const Tensor& lse, Tensor& dqkv) {
  Context& context = context_of(qkv);
  if (shape.head_dim == 64)
    run<64>(context, shape, dout, qkv, out, lse, dqkv);
  else
    run<32>(context, shape, dout, qkv, out, lse, dqkv);
}

}  // namespace trm::cuda
