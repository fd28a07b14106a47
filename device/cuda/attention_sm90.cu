// Attention on Hopper (Shah et al., "FlashAttention-3", arXiv 2407.08608): three warpgroups of 64 queries multiply, one loads tiles of 128 keys and values.
// The weights of the softmax are an operand out of registers, and the scores of the next tile are under way with the values of this one.
#include "device/cuda/attention.h"
#include "device/cuda/gemm_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int groups = 3, queries = 64 * groups, keys = 128, stages = 3;
constexpr int threads = (groups + 1) * warpgroup, loader_registers = 32, multiplier_registers = 160;
constexpr int64_t shortest = 129;  // below, blocks of their own serve better (attention_flash.cu)

struct Maps {
  CUtensorMap rows, keys, out;  // boxes of 64 and of 128 rows of a head
};

struct Shape {
  int N, heads, inner, blocks;
  bool causal;
  float scale;  // 1/√head_dim
  float* lse;   // null: not wanted
};

template <int head_dim>
struct Layout {
  static constexpr int tile_bytes = keys * head_dim * 2, stage_bytes = 2 * tile_bytes, query_bytes = 64 * head_dim * 2;
  static constexpr int stages_at = groups * query_bytes, barriers_at = stages_at + stages * stage_bytes;
  static constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 1);
};

template <int head_dim>
__global__ __launch_bounds__(threads, 1) void attention_kernel_sm90(const __grid_constant__ Maps maps, Shape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim>;
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + L::barriers_at, queries_there = barriers + 16 * stages;
  const auto key_tile = [&](int stage) { return base + L::stages_at + stage * L::stage_bytes; };
  const auto full = [&](int stage) { return barriers + 8 * stage; };
  const auto empty = [&](int stage) { return barriers + 8 * (stages + stage); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), groups);
    }
    init_barrier(queries_there, 1);
    publish_barriers();
  }
  __syncthreads();
  const int block = shape.causal ? shape.blocks - 1 - static_cast<int>(blockIdx.x) : static_cast<int>(blockIdx.x);  // the long ones first
  const int first = block * queries, head = blockIdx.y, b = blockIdx.z, N = shape.N;
  const int tiles = ((shape.causal ? min(N, first + queries) : N) + keys - 1) / keys;
  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      arrive_expecting(queries_there, groups * L::query_bytes);
      for (int g = 0; g < groups; ++g) load_3d(base + g * L::query_bytes, maps.rows, head * head_dim, first + 64 * g, b, queries_there);
      for (int t = 0; t < tiles; ++t) {
        const int stage = t % stages;
        wait(empty(stage), (t / stages & 1) ^ 1);
        arrive_expecting(full(stage), L::stage_bytes);
        load_3d(key_tile(stage), maps.keys, shape.inner + head * head_dim, t * keys, b, full(stage));
        load_3d(key_tile(stage) + L::tile_bytes, maps.keys, 2 * shape.inner + head * head_dim, t * keys, b, full(stage));
      }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size, warp = thread / warp_size;
    const int row = first + 64 * group, low = row + 16 * warp + lane / 4, column = 2 * (lane % 4);
    const int own_tiles = shape.causal ? min(tiles, (min(N, row + 64) + keys - 1) / keys) : tiles;  // at least one
    const uint32_t own = base + group * L::query_bytes;
    float s[keys / 2], o[head_dim / 2] = {}, top[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
    uint32_t p[keys / 16][4];
    const float scale = shape.scale * 1.4426950408889634f;  // log2(e)
    const auto multiply_scores = [&](int t) {
      const uint64_t q = head_descriptor<head_dim>(own), k = head_descriptor<head_dim>(key_tile(t % stages));
#pragma unroll
      for (int i = 0; i < head_dim / 16; ++i)
        if (i == 0) Wgmma<keys>::start(s, q, k);
        else Wgmma<keys>::run(s, q + 2 * i, k + 2 * i, 1);
      products_commit();
    };
    const auto add_values = [&](int t) {
      const uint64_t v = head_descriptor<head_dim>(key_tile(t % stages) + L::tile_bytes);
#pragma unroll
      for (int i = 0; i < keys / 16; ++i) Wgmma<head_dim>::template run<1>(o, p[i], v + 2 * head_dim * i, 1);
      products_commit();
    };
    float shrink[2];
    const auto apply_softmax = [&](int t) {  // scores become weights
      const int key = t * keys;
      if (key + keys > N || (shape.causal && key + keys > row)) {
#pragma unroll
        for (int j = 0; j < keys / 8; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int k = key + 8 * j + column + i % 2;
            if (k >= N || (shape.causal && k > low + i / 2 * 8)) s[4 * j + i] = -INFINITY;
          }
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float highest = top[r];
#pragma unroll
        for (int j = 0; j < keys / 8; ++j) highest = fmaxf(highest, fmaxf(s[4 * j + 2 * r], s[4 * j + 2 * r + 1]));
        highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, 2));
        const float offset = highest == -INFINITY ? 0.0f : highest * scale;
        shrink[r] = exp2_fast(fmaf(top[r], scale, -offset));
        top[r] = highest;
        float sum = 0;
#pragma unroll
        for (int j = 0; j < keys / 8; ++j)
#pragma unroll
          for (int i = 4 * j + 2 * r; i < 4 * j + 2 * r + 2; ++i) {
            s[i] = exp2_fast(fmaf(s[i], scale, -offset));
            sum += s[i];
          }
        total[r] = total[r] * shrink[r] + sum;
      }
    };
    const auto make_operand = [&] {
#pragma unroll
      for (int j = 0; j < keys / 8; ++j)
#pragma unroll
        for (int r = 0; r < 2; ++r) p[j / 2][2 * (j % 2) + r] = pair(s[4 * j + 2 * r], s[4 * j + 2 * r + 1]);
    };
    wait(queries_there, 0);
    wait(full(0), 0);
    products_begin();
    multiply_scores(0);
    products_wait<0>();
    pin(s);
    apply_softmax(0);
    make_operand();
    pin(o);
    for (int t = 0; t + 1 < own_tiles; ++t) {
      wait(full((t + 1) % stages), (t + 1) / stages & 1);
      products_begin();
      multiply_scores(t + 1);
      add_values(t);
      products_wait<1>();
      pin(s);
      apply_softmax(t + 1);  // beside the products with the values
      products_wait<0>();
      pin(o);
      if (thread == 0) arrive(empty(t % stages));
#pragma unroll
      for (int i = 0; i < head_dim / 2; ++i) o[i] *= shrink[i / 2 % 2];
      make_operand();
    }
    products_begin();
    add_values(own_tiles - 1);
    products_wait<0>();
    pin(o);
    for (int t = own_tiles - 1; t < tiles; ++t)  // what others still load
      if (thread == 0) {
        wait(full(t % stages), t / stages & 1);
        arrive(empty(t % stages));
      }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      total[r] += __shfl_xor_sync(all_lanes, total[r], 1);
      total[r] += __shfl_xor_sync(all_lanes, total[r], 2);
      const int n = low + 8 * r;
      if (shape.lse && lane % 4 == 0 && n < N) shape.lse[(int64_t{b} * shape.heads + head) * N + n] = top[r] * shape.scale + logf(total[r]);
      total[r] = 1 / total[r];
    }
    sync_group(1 + group);  // the queries have been read
#pragma unroll
    for (int j = 0; j < head_dim / 16; ++j)
      store_tiles(head_tile_address<head_dim>(own, 16 * warp, 2 * j, lane), pair(o[8 * j] * total[0], o[8 * j + 1] * total[0]),
                  pair(o[8 * j + 2] * total[1], o[8 * j + 3] * total[1]), pair(o[8 * j + 4] * total[0], o[8 * j + 5] * total[0]),
                  pair(o[8 * j + 6] * total[1], o[8 * j + 7] * total[1]));
    fence_async();
    sync_group(1 + group);
    if (thread == 0 && row < N) {
      store_3d(maps.out, head * head_dim, row, b, own);
      commit_stores();
      wait_stores();
    }
  }
#endif
}

template <int head_dim>
void launch(Context& context, const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  using L = Layout<head_dim>;
  const int64_t N = shape.N, inner = shape.heads * head_dim;
  const auto map = [&](const Tensor& t, int64_t width, int64_t rows) {
    return make_tensor_map(t.address(), {width, N, shape.B}, {width * 2, N * width * 2}, {head_dim, rows, 1}, head_dim == 32);
  };
  const Maps maps{map(qkv, 3 * inner, 64), map(qkv, 3 * inner, keys), map(out, inner, 64)};
  const auto blocks = static_cast<int>((N + queries - 1) / queries);
  const Shape s{static_cast<int>(N), shape.heads, static_cast<int>(inner), blocks, shape.causal, shape.scale, lse ? elements<float>(*lse) : nullptr};
  const auto kernel = attention_kernel_sm90<head_dim>;
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(L::shared_bytes)));
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(shape.heads), static_cast<unsigned>(shape.B));
  kernel<<<grid, threads, L::shared_bytes, context.stream>>>(maps, s);
  launched("attention");
}

}  // namespace

bool attention_sm90(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  Context& context = context_of(qkv);
  if (!context.hopper() || qkv.dtype() != DType::bfloat16 || shape.N < shortest || shape.B > 65535) return false;
  if (!mappable(qkv.address(), 3 * shape.heads * shape.head_dim) || !mappable(out.address(), shape.heads * shape.head_dim)) return false;
  if (shape.head_dim == 64) launch<64>(context, shape, qkv, out, lse);
  else if (shape.head_dim == 32) launch<32>(context, shape, qkv, out, lse);
  else return false;
  return true;
}

}  // namespace trm::cuda
