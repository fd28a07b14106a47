// The gradient of attention on Hopper, in two kernels of one kind as in attention_backward_flash.cu. A warpgroup holds
// 64 own rows in registers as operands (k and v, or q and dout) and rows of the other kind pass by in tiles of 64: s =
// own · passingᵀ and dp likewise, then p and ds, operands out of registers again, times the passing rows. Blocks stay
// and take one item (128 own rows of a head) after the other. Rows outside the sequence load as zeros; queries there
// have the log-sum-exp +∞.
#include "device/cuda/attention_backward_sm90.h"
#include "device/cuda/attention_tiles_sm90.cuh"
#include "device/cuda/gemm_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int groups = 2, own_rows = 64 * groups, passing = 64, stages = 4;
constexpr int threads = (groups + 1) * warpgroup, loader_registers = 24, multiplier_registers = 240;
constexpr float log2e = 1.4426950408889634f;

struct Maps {
  CUtensorMap qkv, dout, dqkv;  // boxes of 64 rows of a head
};

struct Shape {
  int N, padded, heads, inner, blocks, items;  // items = B · heads · blocks
  bool causal;
  float scale;               // 1/√head_dim
  const float2* statistics;  // [B, heads, padded]: lse · log2(e), dout·out
  const float *cos, *sin;    // null: no rotation
};

template <int head_dim>
struct Layout {
  static constexpr int tile_bytes = 64 * head_dim * 2, stage_bytes = 2 * tile_bytes;
  static constexpr int slot_bytes = groups * 2 * tile_bytes, stages_at = 2 * slot_bytes,
                       barriers_at = stages_at + stages * stage_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 4);
};

template <int head_dim, bool of_keys>
__global__ __launch_bounds__(threads, 1) void attention_gradient_kernel_sm90(const __grid_constant__ Maps maps,
                                                                             Shape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim>;
  constexpr int steps = head_dim / 16;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers_at;
  const auto tile_at = [&](int stage) { return base + L::stages_at + stage * L::stage_bytes; };
  const auto full = [&](int stage) { return barriers + 8 * stage; };
  const auto empty = [&](int stage) { return barriers + 8 * (stages + stage); };
  const auto own_there = [&](int slot) { return barriers + 8 * (2 * stages + slot); };
  const auto own_free = [&](int slot) { return barriers + 8 * (2 * stages + 2 + slot); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), groups);
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
    int first, x, head, b, begin, end;  // passing tiles [begin, end)
  };
  const auto item_at = [&](int index) {
    // causal: all long ones first, so that no block of threads gets only these
    const int pairs = shape.items / shape.blocks, pair = shape.causal ? index % pairs : index / shape.blocks;
    const int block = !shape.causal ? index % shape.blocks : of_keys ? index / pairs : shape.blocks - 1 - index / pairs;
    const int first = block * own_rows;
    // causal: keys are seen by queries from themselves on, queries see keys up to themselves
    const int begin = of_keys && shape.causal ? first / passing : 0;
    const int end = ((!of_keys && shape.causal ? min(N, first + own_rows) : N) + passing - 1) / passing;
    return Item{first, pair % shape.heads * head_dim, pair % shape.heads, pair / shape.heads, begin, end};
  };
  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      const auto load = [&](const Item& item, bool of_key, uint32_t to, int row,
                            uint32_t barrier) {  // k and v, or q and dout
        load_3d(to, maps.qkv, (of_key ? shape.inner : 0) + item.x, row, item.b, barrier);
        if (of_key)
          load_3d(to + L::tile_bytes, maps.qkv, 2 * shape.inner + item.x, row, item.b, barrier);
        else
          load_3d(to + L::tile_bytes, maps.dout, item.x, row, item.b, barrier);
      };
      int count = 0, k = 0;
      for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
        const Item item = item_at(index);
        const int slot = count % 2;
        wait(own_free(slot), (count / 2 & 1) ^ 1);
        arrive_expecting(own_there(slot), L::slot_bytes);
        for (int g = 0; g < groups; ++g)
          load(item, of_keys, base + slot * L::slot_bytes + g * 2 * L::tile_bytes, item.first + 64 * g,
               own_there(slot));
        for (int t = item.begin; t < item.end; ++t, ++k) {
          const int stage = k % stages;
          wait(empty(stage), (k / stages & 1) ^ 1);
          arrive_expecting(full(stage), L::stage_bytes);
          load(item, !of_keys, tile_at(stage), t * passing, full(stage));
        }
      }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const float scale = shape.scale * log2e;
    int count = 0, base_tile = 0;  // base_tile + t - begin: tiles so far
    for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
      const Item item = item_at(index);
      const int slot = count % 2, begin = item.begin, end = item.end, row = item.first + 64 * group,
                low = row + 16 * warp + lane / 4, column = 2 * (lane % 4);
      const uint32_t own = base + slot * L::slot_bytes + group * 2 * L::tile_bytes;
      const float2* statistics = shape.statistics + (int64_t{item.b} * shape.heads + item.head) * shape.padded;
      const auto stage_of = [&](int t) { return (base_tile + t - begin) % stages; };
      uint32_t a0[steps][4], a1[steps][4], weight[passing / 16][4], ds[passing / 16][4];
      float s[passing / 2], dp[passing / 2], d0[head_dim / 2] = {}, d1[of_keys ? head_dim / 2 : 1] = {};
      float2 mine[2] = {{INFINITY, 0}, {INFINITY, 0}};
      if constexpr (!of_keys)
        for (int r = 0; r < 2; ++r)
          if (low + 8 * r < N) mine[r] = statistics[low + 8 * r];
      const auto multiply_scores = [&](int t) {
        const uint32_t tile = tile_at(stage_of(t));
        wait(full(stage_of(t)), (base_tile + t - begin) / stages & 1);
        const uint64_t one = head_descriptor<head_dim>(tile), two = head_descriptor<head_dim>(tile + L::tile_bytes);
        products_begin();
#pragma unroll
        for (int k = 0; k < steps; ++k)
          if (k == 0)
            Wgmma<passing>::template start<0>(s, a0[k], one);
          else
            Wgmma<passing>::template run<0>(s, a0[k], one + 2 * k, 1);
#pragma unroll
        for (int k = 0; k < steps; ++k)
          if (k == 0)
            Wgmma<passing>::template start<0>(dp, a1[k], two);
          else
            Wgmma<passing>::template run<0>(dp, a1[k], two + 2 * k, 1);
      };
      const auto take_tile = [&]<bool last>(int t) {
        products_wait<0>();
        pin(s);
        pin(dp);
        pin(d0);
        if constexpr (of_keys) pin(d1);
        if (t > begin && thread == 0) arrive(empty(stage_of(t - 1)));
        // keys behind the end have scores of 0, whose weight may be infinite
        const bool edge = (!of_keys && t * passing + passing > N) ||
                          (shape.causal && (of_keys ? t * passing < row + 64 : t * passing + passing > row));
#pragma unroll
        for (int j = 0; j < passing / 8; ++j) {
          float4 theirs{};
          if constexpr (of_keys) theirs = *reinterpret_cast<const float4*>(statistics + t * passing + 8 * j + column);
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            float p[2], g[2];
#pragma unroll
            for (int c = 0; c < 2; ++c) {
              const int i = 4 * j + 2 * r + c;
              const float normalizer = of_keys ? (c ? theirs.z : theirs.x) : mine[r].x,
                          delta = of_keys ? (c ? theirs.w : theirs.y) : mine[r].y;
              p[c] = exp2_fast(fmaf(s[i], scale, -normalizer));
              if (edge) {
                const int own_at = low + 8 * r, other = t * passing + 8 * j + column + c;
                if ((!of_keys && other >= N) || (shape.causal && (of_keys ? own_at > other : other > own_at))) p[c] = 0;
              }
              g[c] = p[c] * (dp[i] - delta);
            }
            if constexpr (of_keys) weight[j / 2][2 * (j % 2) + r] = pair(p[0], p[1]);
            ds[j / 2][2 * (j % 2) + r] = pair(g[0], g[1]);
          }
        }
        const uint32_t tile = tile_at(stage_of(t));
        const uint64_t one = head_descriptor<head_dim>(tile), two = head_descriptor<head_dim>(tile + L::tile_bytes);
        if constexpr (last)
          products_begin();
        else
          multiply_scores(t + 1);
#pragma unroll
        for (int k = 0; k < passing / 16; ++k) {
          Wgmma<head_dim>::template run<1>(d0, ds[k], one + 2 * head_dim * k, 1);
          if constexpr (of_keys) Wgmma<head_dim>::template run<1>(d1, weight[k], two + 2 * head_dim * k, 1);
        }
        products_commit();
      };
      wait(own_there(slot), count / 2 & 1);
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_tiles(head_tile_address<head_dim>(own, 16 * warp, 2 * k, lane), a0[k]);
        load_tiles(head_tile_address<head_dim>(own + L::tile_bytes, 16 * warp, 2 * k, lane), a1[k]);
      }
      pin(d0);
      if constexpr (of_keys) pin(d1);
      multiply_scores(begin);
      products_commit();
      if (count > 0 && thread == 0) {  // the item before has gone out
        wait_stores_read();
        arrive(own_free(slot ^ 1));
      }
      for (int t = begin; t + 1 < end; ++t) take_tile.template operator()<false>(t);
      take_tile.template operator()<true>(end - 1);
      products_wait<0>();
      pin(d0);
      if constexpr (of_keys) pin(d1);
      if (thread == 0) arrive(empty(stage_of(end - 1)));
      base_tile += end - begin;
      sync_group(1 + group);  // the own rows have been read
      if (shape.cos) rotate_back<head_dim>(d0, shape.cos, shape.sin, low, column, N);
      write_rows<head_dim>(d0, shape.scale, own, 16 * warp, lane);
      if constexpr (of_keys) write_rows<head_dim>(d1, 1.0f, own + L::tile_bytes, 16 * warp, lane);
      fence_async();
      sync_group(1 + group);
      if (thread == 0 && row < N) {
        store_3d(maps.dqkv, (of_keys ? shape.inner : 0) + item.x, row, item.b, own);
        if constexpr (of_keys) store_3d(maps.dqkv, 2 * shape.inner + item.x, row, item.b, own + L::tile_bytes);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
#endif
}

template <int head_dim, bool of_keys>
void launch(Context& context, const Maps& maps, const Shape& shape) {
  using L = Layout<head_dim>;
  const auto kernel = attention_gradient_kernel_sm90<head_dim, of_keys>;
  TRM_CUDA(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(L::shared_bytes)));
  kernel<<<std::min(shape.items, context.multiprocessors), threads, L::shared_bytes, context.stream>>>(maps, shape);
  launched("attention_backward");
}

template <int head_dim>
void run(Context& context, const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
         const Tensor& lse, Tensor& dqkv) {
  const int64_t N = shape.N, inner = shape.heads * head_dim, padded = (N + own_rows - 1) / own_rows * own_rows;
  const Tensor statistics = attention_statistics(shape, dout, out, lse, padded);
  const auto map = [&](const Tensor& t, int64_t width) {
    return make_tensor_map(t.address(), {width, N, shape.B}, {width * 2, N * width * 2}, {head_dim, 64, 1},
                           head_dim == 32);
  };
  const Maps maps{map(qkv, 3 * inner), map(dout, inner), map(dqkv, 3 * inner)};
  const auto blocks = static_cast<int>((N + own_rows - 1) / own_rows);
  const Shape s{static_cast<int>(N),
                static_cast<int>(padded),
                shape.heads,
                static_cast<int>(inner),
                blocks,
                static_cast<int>(shape.B) * shape.heads * blocks,
                shape.causal,
                shape.scale,
                elements<float2>(statistics),
                shape.cos,
                shape.sin};
  launch<head_dim, true>(context, maps, s);
  launch<head_dim, false>(context, maps, s);
}

}  // namespace

void attention_backward_parts_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv,
                                   const Tensor& out, const Tensor& lse, Tensor& dqkv) {
  Context& context = context_of(qkv);
  if (shape.head_dim == 64)
    run<64>(context, shape, dout, qkv, out, lse, dqkv);
  else
    run<32>(context, shape, dout, qkv, out, lse, dqkv);
}

}  // namespace trm::cuda
