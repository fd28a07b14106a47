// Attention that never stores scores (Dao, "FlashAttention-2", arXiv 2307.08691): a warp takes 16 queries, keys and
// values pass through shared memory in tiles of 64 with the running maximum and sum of the softmax in float32.
#include "device/cuda/attention.h"
#include "device/cuda/mma.cuh"

namespace trm::cuda {
namespace {

constexpr int keys = 64;

struct Pointers {
  const __nv_bfloat16* qkv;
  __nv_bfloat16* out;
  float* lse;  // null: not wanted
};

template <int head_dim, int warps>
__global__ __launch_bounds__(warps* warp_size) void attention_flash_kernel(AttentionShape shape, Pointers p) {
  using Tile = mma::Tile<head_dim>;
  constexpr int queries = 16 * warps, threads = warps * warp_size;
  extern __shared__ __nv_bfloat16 memory[];
  const Tile q_tile{memory};
  const auto k_tile = [&](int turn) { return Tile{memory + (queries + 2 * turn * keys) * Tile::pitch}; };
  const auto v_tile = [&](int turn) { return Tile{memory + (queries + (2 * turn + 1) * keys) * Tile::pitch}; };
  const int64_t pair = grid_row(), b = pair / shape.heads;
  if (b >= shape.B) return;
  const int N = static_cast<int>(shape.N), first = static_cast<int>(blockIdx.x) * queries,
            head = static_cast<int>(pair - b * shape.heads), lane = threadIdx.x % warp_size;
  const int64_t inner = int64_t{shape.heads} * head_dim, stride = 3 * inner;
  const __nv_bfloat16* q = p.qkv + b * N * stride + head * head_dim;
  const int row = first + static_cast<int>(threadIdx.x) / warp_size * 16, low = row + lane / 4, column = 2 * (lane % 4);
  const int end = shape.causal ? min(N, first + queries) : N, tiles = (end + keys - 1) / keys;

  q_tile.template load<queries, threads>(q, stride, first, N);
  const auto load = [&](int tile) {
    k_tile(tile % 2).template load<keys, threads>(q + inner, stride, tile * keys, N);
    v_tile(tile % 2).template load<keys, threads>(q + 2 * inner, stride, tile * keys, N);
    mma::commit_copies();
  };
  load(0);

  uint32_t query[Tile::steps][4];
  float sum[head_dim / 8][4] = {}, top[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  const float scale = shape.scale * 1.4426950408889634f;  // log2(e)
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      load(tile + 1);
      mma::wait_copies<1>();
    } else {
      mma::wait_copies<0>();
    }
    __syncthreads();
    if (tile == 0) q_tile.operand(row - first, query);
    const int key = tile * keys, limit = shape.causal ? min(N, row + 16) : N;  // keys that some query of the warp sees
    if (row < N && key < limit) {
      float score[keys / 8][4];
#pragma unroll
      for (int j = 0; j < keys / 16; ++j)
        if (key + 16 * j < limit) {
          k_tile(tile % 2).times_rows(query, 16 * j, reinterpret_cast<float(&)[2][4]>(score[2 * j]));
        } else {
#pragma unroll
          for (int i = 0; i < 4; ++i) score[2 * j][i] = score[2 * j + 1][i] = -INFINITY;
        }
      const bool edge = key + keys > N || (shape.causal && key + keys > row);
      if (edge) {
#pragma unroll
        for (int j = 0; j < keys / 8; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int k = key + 8 * j + column + i % 2, n = low + i / 2 * 8;
            if (k >= N || (shape.causal && k > n)) score[j][i] = -INFINITY;
          }
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float highest = top[r];
#pragma unroll
        for (int j = 0; j < keys / 8; ++j) highest = fmaxf(highest, fmaxf(score[j][2 * r], score[j][2 * r + 1]));
        highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, 2));
        const float offset = highest == -INFINITY ? 0.0f : highest * scale, shrink = mma::exp2(top[r] * scale - offset);
        top[r] = highest;
        total[r] *= shrink;
#pragma unroll
        for (int j = 0; j < head_dim / 8; ++j) {
          sum[j][2 * r] *= shrink;
          sum[j][2 * r + 1] *= shrink;
        }
#pragma unroll
        for (int j = 0; j < keys / 8; ++j)
#pragma unroll
          for (int i = 2 * r; i < 2 * r + 2; ++i) {
            score[j][i] = mma::exp2(score[j][i] * scale - offset);
            total[r] += score[j][i];
          }
      }
#pragma unroll
      for (int j = 0; j < keys / 16; ++j)
        if (key + 16 * j < limit) {
          const uint32_t weight[4] = {
              mma::pair(score[2 * j][0], score[2 * j][1]), mma::pair(score[2 * j][2], score[2 * j][3]),
              mma::pair(score[2 * j + 1][0], score[2 * j + 1][1]), mma::pair(score[2 * j + 1][2], score[2 * j + 1][3])};
          v_tile(tile % 2).add_product(weight, 16 * j, sum);
        }
    }
    __syncthreads();
  }

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    total[r] += __shfl_xor_sync(all_lanes, total[r], 1);
    total[r] += __shfl_xor_sync(all_lanes, total[r], 2);
    const int n = low + 8 * r;
    if (n >= N) continue;
    const float inverse = 1 / total[r];
    __nv_bfloat16* to = p.out + (b * N + n) * inner + head * head_dim + column;
#pragma unroll
    for (int j = 0; j < head_dim / 8; ++j)
      *reinterpret_cast<uint32_t*>(to + 8 * j) = mma::pair(sum[j][2 * r] * inverse, sum[j][2 * r + 1] * inverse);
    if (p.lse && lane % 4 == 0) p.lse[(b * shape.heads + head) * N + n] = top[r] * shape.scale + logf(total[r]);
  }
}

template <int head_dim, int warps>
void launch(Context& context, const AttentionShape& shape, const Pointers& p) {
  constexpr size_t shared = static_cast<size_t>(16 * warps + 4 * keys) * mma::Tile<head_dim>::pitch * 2;
  const auto kernel = attention_flash_kernel<head_dim, warps>;
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)));
  const dim3 blocks = grid_of(blocks_for(shape.N, 16 * warps), shape.B * shape.heads);
  kernel<<<blocks, warps * warp_size, shared, context.stream>>>(shape, p);
  launched("attention");
}

template <int head_dim>
void run(Context& context, const AttentionShape& shape, const Pointers& p) {
  if (shape.N <= 256)
    launch<head_dim, 4>(context, shape, p);
  else
    launch<head_dim, 8>(context, shape, p);
}

}  // namespace

bool attention_flash(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  if (qkv.dtype() != DType::bfloat16 || !aligned16(qkv) || !aligned16(out)) return false;
  Context& context = context_of(qkv);
  const Pointers p{elements<__nv_bfloat16>(qkv), elements<__nv_bfloat16>(out), lse ? elements<float>(*lse) : nullptr};
  if (shape.head_dim == 64)
    run<64>(context, shape, p);
  else if (shape.head_dim == 32)
    run<32>(context, shape, p);
  else
    return false;
  return true;
}

}  // namespace trm::cuda
