// Attention on Hopper (Shah et al., "FlashAttention-3", arXiv 2407.08608): three warpgroups of 64 queries multiply, one
// loads tiles of 128 keys and values. The weights of the softmax are an operand out of registers, and the scores of the
// next tile are under way with the values of this one. Blocks stay and take one item (192 queries of a head) after the
// other, so that the next item's loads run beside the end of this one.
#include "device/cuda/attention.h"
#include "device/cuda/gemm_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int groups = 3, queries = 64 * groups, keys = 128, stages = 3;
constexpr int threads = (groups + 1) * warpgroup, loader_registers = 32, multiplier_registers = 160;
constexpr int64_t shortest = 129;  // below, whole heads on chip serve better (attention_short_sm90.cu)

struct Maps {
  CUtensorMap rows, keys, out;  // boxes of 64 and of 128 rows of a head
};

struct Shape {
  int N, heads, inner, blocks, items;  // items = B · heads · blocks
  bool causal;
  float scale;  // 1/√head_dim
  float* lse;   // null: not wanted
};

template <int head_dim>
struct Layout {
  static constexpr int tile_bytes = keys * head_dim * 2, stage_bytes = 2 * tile_bytes, query_bytes = 64 * head_dim * 2;
  static constexpr int slot_bytes = groups * query_bytes, stages_at = 2 * slot_bytes,
                       barriers_at = stages_at + stages * stage_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 4);
};

template <int head_dim>
__global__ __launch_bounds__(threads, 1) void attention_kernel_sm90(const __grid_constant__ Maps maps, Shape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim>;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers_at;
  const auto key_tile = [&](int stage) { return base + L::stages_at + stage * L::stage_bytes; };
  const auto full = [&](int stage) { return barriers + 8 * stage; };
  const auto empty = [&](int stage) { return barriers + 8 * (stages + stage); };
  const auto queries_there = [&](int slot) { return barriers + 8 * (2 * stages + slot); };
  const auto queries_free = [&](int slot) { return barriers + 8 * (2 * stages + 2 + slot); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), groups);
    }
    for (int i = 0; i < 2; ++i) {
      init_barrier(queries_there(i), 1);
      init_barrier(queries_free(i), groups);
    }
    publish_barriers();
  }
  __syncthreads();
  const int N = shape.N;
  struct Item {
    int first, head, b, tiles;
  };
  const auto item_at = [&](int index) {
    // causal: all long ones first, so that no block of threads gets only these
    const int pairs = shape.items / shape.blocks, pair = shape.causal ? index % pairs : index / shape.blocks;
    const int first = (shape.causal ? shape.blocks - 1 - index / pairs : index % shape.blocks) * queries;
    return Item{first, pair % shape.heads, pair / shape.heads,
                ((shape.causal ? min(N, first + queries) : N) + keys - 1) / keys};
  };
  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      int count = 0, k = 0;
      for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
        const Item item = item_at(index);
        const int slot = count % 2, x = item.head * head_dim;
        wait(queries_free(slot), (count / 2 & 1) ^ 1);
        arrive_expecting(queries_there(slot), L::slot_bytes);
        for (int g = 0; g < groups; ++g)
          load_3d(base + slot * L::slot_bytes + g * L::query_bytes, maps.rows, x, item.first + 64 * g, item.b,
                  queries_there(slot));
        for (int t = 0; t < item.tiles; ++t, ++k) {
          const int stage = k % stages;
          wait(empty(stage), (k / stages & 1) ^ 1);
          arrive_expecting(full(stage), L::stage_bytes);
          load_3d(key_tile(stage), maps.keys, shape.inner + x, t * keys, item.b, full(stage));
          load_3d(key_tile(stage) + L::tile_bytes, maps.keys, 2 * shape.inner + x, t * keys, item.b, full(stage));
        }
      }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const float scale = shape.scale * 1.4426950408889634f;  // log2(e)
    int count = 0, base_tile = 0;
    for (int index = blockIdx.x; index < shape.items; index += gridDim.x, ++count) {
      const Item item = item_at(index);
      const int slot = count % 2, row = item.first + 64 * group, low = row + 16 * warp + lane / 4,
                column = 2 * (lane % 4), tiles = item.tiles;
      const int own_tiles = shape.causal ? min(tiles, (min(N, row + 64) + keys - 1) / keys) : tiles;  // at least one
      const uint32_t own = base + slot * L::slot_bytes + group * L::query_bytes;
      const auto stage_of = [&](int t) { return (base_tile + t) % stages; };
      const auto wait_tile = [&](int t) { wait(full(stage_of(t)), (base_tile + t) / stages & 1); };
      float o[head_dim / 2] = {}, top[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0}, shrink[2];
      uint32_t p[keys / 16][4];
      const auto multiply_scores = [&]<int width>(float(&s)[width / 2], int t) {
        const uint64_t q = head_descriptor<head_dim>(own), k = head_descriptor<head_dim>(key_tile(stage_of(t)));
#pragma unroll
        for (int i = 0; i < head_dim / 16; ++i)
          if (i == 0)
            Wgmma<width>::start(s, q, k);
          else
            Wgmma<width>::run(s, q + 2 * i, k + 2 * i, 1);
        products_commit();
      };
      const auto add_values = [&]<int width>(int t) {
        const uint64_t v = head_descriptor<head_dim>(key_tile(stage_of(t)) + L::tile_bytes);
#pragma unroll
        for (int i = 0; i < width / 16; ++i) Wgmma<head_dim>::template run<1>(o, p[i], v + 2 * head_dim * i, 1);
        products_commit();
      };
      const auto apply_softmax = [&]<int width>(float(&s)[width / 2], int t) {  // scores become weights
        const int key = t * keys;
        if (key + width > N || (shape.causal && key + width > row)) {
#pragma unroll
          for (int j = 0; j < width / 8; ++j)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              const int k = key + 8 * j + column + i % 2;
              if (k >= N || (shape.causal && k > low + i / 2 * 8)) s[4 * j + i] = -INFINITY;
            }
        }
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          float even = fmaxf(top[r], s[2 * r]), odd = s[2 * r + 1];
#pragma unroll
          for (int j = 1; j < width / 8; ++j) {
            even = fmaxf(even, s[4 * j + 2 * r]);
            odd = fmaxf(odd, s[4 * j + 2 * r + 1]);
          }
          float highest = fmaxf(even, odd);
          highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, 1));
          highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, 2));
          shrink[r] = highest == -INFINITY ? 1.0f : exp2_fast((top[r] - highest) * scale);
          top[r] = highest;
          total[r] *= shrink[r];
        }
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const float offset = top[r] == -INFINITY ? 0.0f : top[r] * scale;
          float even = 0, odd = 0;
#pragma unroll
          for (int j = 0; j < width / 8; ++j) {
            float &a = s[4 * j + 2 * r], &b = s[4 * j + 2 * r + 1];
            a = exp2_fast(fmaf(a, scale, -offset));
            b = exp2_fast(fmaf(b, scale, -offset));
            even += a;
            odd += b;
          }
          total[r] += even + odd;
        }
      };
      const auto make_operand = [&]<int width>(const float(&s)[width / 2]) {
#pragma unroll
        for (int j = 0; j < width / 8; ++j)
#pragma unroll
          for (int r = 0; r < 2; ++r) p[j / 2][2 * (j % 2) + r] = pair(s[4 * j + 2 * r], s[4 * j + 2 * r + 1]);
      };
      // the values of a whole tile t and the scores of `width` keys of the next
      const auto take_tile = [&]<int width>(int t) {
        float s[width / 2];
        wait_tile(t + 1);
        products_begin();
        multiply_scores.template operator()<width>(s, t + 1);
        add_values.template operator()<keys>(t);
        products_wait<1>();
        pin(s);
        apply_softmax.template operator()<width>(s, t + 1);  // beside the products with the values
        products_wait<0>();
        pin(o);
        if (thread == 0) arrive(empty(stage_of(t)));
#pragma unroll
        for (int i = 0; i < head_dim / 2; ++i) o[i] *= shrink[i / 2 % 2];
        make_operand.template operator()<width>(s);
      };
      const auto finish = [&]<int width>(int t) {
        products_begin();
        add_values.template operator()<width>(t);
        products_wait<0>();
        pin(o);
      };
      const int last = own_tiles - 1, rest = (shape.causal ? min(N, row + 64) : N) - last * keys;  // of the last tile
      wait(queries_there(slot), count / 2 & 1);
      wait_tile(0);
      {
        float s[keys / 2];
        products_begin();
        multiply_scores.template operator()<keys>(s, 0);
        if (count > 0 && thread == 0) {  // the item before has gone out
          wait_stores_read();
          arrive(queries_free(slot ^ 1));
        }
        products_wait<0>();
        pin(s);
        apply_softmax.template operator()<keys>(s, 0);
        make_operand.template operator()<keys>(s);
        pin(o);
      }
      for (int t = 0; t + 1 < last; ++t) take_tile.template operator()<keys>(t);
      if (last == 0 || rest > 64) {
        if (last > 0) take_tile.template operator()<keys>(last - 1);
        finish.template operator()<keys>(last);
      } else if (rest > 32) {
        take_tile.template operator()<64>(last - 1);
        finish.template operator()<64>(last);
      } else {
        take_tile.template operator()<32>(last - 1);
        finish.template operator()<32>(last);
      }
      for (int t = own_tiles - 1; t < tiles; ++t)  // what others still load
        if (thread == 0) {
          wait_tile(t);
          arrive(empty(stage_of(t)));
        }
      base_tile += tiles;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        total[r] += __shfl_xor_sync(all_lanes, total[r], 1);
        total[r] += __shfl_xor_sync(all_lanes, total[r], 2);
        const int n = low + 8 * r;
        if (shape.lse && lane % 4 == 0 && n < N)
          shape.lse[(int64_t{item.b} * shape.heads + item.head) * N + n] = top[r] * shape.scale + logf(total[r]);
        total[r] = 1 / total[r];
      }
      sync_group(1 + group);  // the queries have been read
#pragma unroll
      for (int j = 0; j < head_dim / 16; ++j)
        store_tiles(head_tile_address<head_dim>(own, 16 * warp, 2 * j, lane),
                    pair(o[8 * j] * total[0], o[8 * j + 1] * total[0]),
                    pair(o[8 * j + 2] * total[1], o[8 * j + 3] * total[1]),
                    pair(o[8 * j + 4] * total[0], o[8 * j + 5] * total[0]),
                    pair(o[8 * j + 6] * total[1], o[8 * j + 7] * total[1]));
      fence_async();
      sync_group(1 + group);
      if (thread == 0 && row < N) {
        store_3d(maps.out, item.head * head_dim, row, item.b, own);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
#endif
}

template <int head_dim>
void launch(Context& context, const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  using L = Layout<head_dim>;
  const int64_t N = shape.N, inner = shape.heads * head_dim;
  const auto map = [&](const Tensor& t, int64_t width, int64_t rows) {
    return make_tensor_map(t.address(), {width, N, shape.B}, {width * 2, N * width * 2}, {head_dim, rows, 1},
                           head_dim == 32);
  };
  const Maps maps{map(qkv, 3 * inner, 64), map(qkv, 3 * inner, keys), map(out, inner, 64)};
  const auto blocks = static_cast<int>((N + queries - 1) / queries);
  const auto items = static_cast<int>(shape.B * shape.heads * blocks);
  const Shape s{static_cast<int>(N),
                shape.heads,
                static_cast<int>(inner),
                blocks,
                items,
                shape.causal,
                shape.scale,
                lse ? elements<float>(*lse) : nullptr};
  const auto kernel = attention_kernel_sm90<head_dim>;
  TRM_CUDA(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(L::shared_bytes)));
  kernel<<<std::min(items, context.multiprocessors), threads, L::shared_bytes, context.stream>>>(maps, s);
  launched("attention");
}

}  // namespace

bool attention_sm90(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  Context& context = context_of(qkv);
  if (!context.hopper() || qkv.dtype() != DType::bfloat16 || shape.N < shortest || !countable(shape)) return false;
  if (!mappable(qkv.address(), 3 * shape.heads * shape.head_dim) ||
      !mappable(out.address(), shape.heads * shape.head_dim))
    return false;
  if (shape.head_dim == 64)
    launch<64>(context, shape, qkv, out, lse);
  else if (shape.head_dim == 32)
    launch<32>(context, shape, qkv, out, lse);
  else
    return false;
  return true;
}

}  // namespace trm::cuda
