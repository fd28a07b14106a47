// The gradient of attention without stored scores, in two kernels of one kind, so that nothing is added by two blocks:
// one takes 16 keys a warp and walks over the queries (dk, dv), one takes 16 queries a warp and walks over the keys
// (dq). Both recompute p = exp(score - lse) and ds = p (dout·v - dout·out). Own rows: k, v or q, dout; rows that pass
// by: q, dout or k, v.
#include "device/cuda/attention.h"
#include "device/cuda/mma.cuh"

namespace trm::cuda {
namespace {

constexpr int passing = 64;  // rows of a tile that passes by
constexpr float log2e = 1.4426950408889634f;

struct Pointers {
  const __nv_bfloat16 *dout, *qkv, *out;
  const float* lse;
  float* delta;  // [B, heads, N]: dout·out
  __nv_bfloat16* dqkv;
};

/// A group of head_dim / 8 lanes takes a row of a head.
template <int head_dim>
__global__ void delta_kernel(AttentionShape shape, Pointers p) {
  constexpr int lanes = head_dim / 8;
  const int64_t index = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / lanes,
                rows = shape.B * shape.N * shape.heads;  // (b, n, head)
  const int64_t at = min(index, rows - 1) * head_dim + threadIdx.x % lanes * 8;
  const auto g = *reinterpret_cast<const Pack<__nv_bfloat16, 8>*>(p.dout + at),
             o = *reinterpret_cast<const Pack<__nv_bfloat16, 8>*>(p.out + at);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += to_float(g.v[i]) * to_float(o.v[i]);
#pragma unroll
  for (int step = lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(all_lanes, sum, step);
  if (threadIdx.x % lanes != 0 || index >= rows) return;
  const int64_t head = index % shape.heads, row = index / shape.heads;
  p.delta[(row / shape.N * shape.heads + head) * shape.N + row % shape.N] = sum;
}

template <int head_dim, int warps, bool of_keys>
__global__ __launch_bounds__(warps* warp_size) void gradient_kernel(AttentionShape shape, Pointers p) {
  using Tile = mma::Tile<head_dim>;
  constexpr int own = 16 * warps, threads = warps * warp_size;
  extern __shared__ __nv_bfloat16 memory[];
  __shared__ float statistics[2][2][passing];  // lse · log2(e) and delta of the passing queries
  const int64_t pair = grid_row(), b = pair / shape.heads;
  if (b >= shape.B) return;
  const int N = static_cast<int>(shape.N), first = static_cast<int>(blockIdx.x) * own,
            head = static_cast<int>(pair - b * shape.heads), lane = threadIdx.x % warp_size;
  const int64_t inner = int64_t{shape.heads} * head_dim;
  const __nv_bfloat16 *q = p.qkv + b * N * 3 * inner + head * head_dim, *g = p.dout + b * N * inner + head * head_dim;
  const float *lse = p.lse + (b * shape.heads + head) * N, *delta = p.delta + (b * shape.heads + head) * N;
  const auto tile_at = [&](int index) { return Tile{memory + index * Tile::pitch}; };
  const Tile own_tile[2] = {tile_at(0), tile_at(own)};
  const auto passing_tile = [&](int turn, int which) { return tile_at(2 * own + (2 * turn + which) * passing); };
  const int row = first + static_cast<int>(threadIdx.x) / warp_size * 16, low = row + lane / 4, column = 2 * (lane % 4);

  const auto load = [&](int tile) {
    const int at = tile * passing, turn = tile % 2;
    if constexpr (of_keys) {
      passing_tile(turn, 0).template load<passing, threads>(q, 3 * inner, at, N);
      passing_tile(turn, 1).template load<passing, threads>(g, inner, at, N);
      if (threadIdx.x < passing) {
        const bool valid = at + static_cast<int>(threadIdx.x) < N;
        statistics[turn][0][threadIdx.x] = valid ? lse[at + threadIdx.x] * log2e : INFINITY;
        statistics[turn][1][threadIdx.x] = valid ? delta[at + threadIdx.x] : 0.0f;
      }
    } else {
      passing_tile(turn, 0).template load<passing, threads>(q + inner, 3 * inner, at, N);
      passing_tile(turn, 1).template load<passing, threads>(q + 2 * inner, 3 * inner, at, N);
    }
    mma::commit_copies();
  };
  if constexpr (of_keys) {
    own_tile[0].template load<own, threads>(q + inner, 3 * inner, first, N);
    own_tile[1].template load<own, threads>(q + 2 * inner, 3 * inner, first, N);
  } else {
    own_tile[0].template load<own, threads>(q, 3 * inner, first, N);
    own_tile[1].template load<own, threads>(g, inner, first, N);
  }
  // causal: keys are seen by queries from themselves on, queries see keys up to themselves
  const int begin = of_keys && shape.causal ? first / passing : 0;
  const int end = (!of_keys && shape.causal ? min(N, first + own) + passing - 1 : N + passing - 1) / passing;
  load(begin);

  float own_lse[2] = {INFINITY, INFINITY}, own_delta[2] = {0, 0};
  if constexpr (!of_keys)
    for (int r = 0; r < 2; ++r)
      if (low + 8 * r < N) {
        own_lse[r] = lse[low + 8 * r] * log2e;
        own_delta[r] = delta[low + 8 * r];
      }
  uint32_t a0[Tile::steps][4], a1[Tile::steps][4];
  float d0[head_dim / 8][4] = {}, d1[of_keys ? head_dim / 8 : 1][4] = {};
  const float scale = shape.scale * log2e;
  for (int tile = begin; tile < end; ++tile) {
    if (tile + 1 < end) {
      load(tile + 1);
      mma::wait_copies<1>();
    } else {
      mma::wait_copies<0>();
    }
    __syncthreads();
    if (tile == begin) {
      own_tile[0].operand(row - first, a0);
      own_tile[1].operand(row - first, a1);
    }
    const int turn = tile % 2;
    const Tile one = passing_tile(turn, 0), two = passing_tile(turn, 1);
#pragma unroll
    for (int j = 0; j < passing; j += 16) {
      const int at = tile * passing + j;  // the 16 passing rows
      const bool hidden = shape.causal && (of_keys ? at + 15 < row : at > row + 15);
      if (at >= N || row >= N || hidden) continue;
      float s[2][4], dp[2][4];
      one.times_rows(a0, j, s);
      two.times_rows(a1, j, dp);
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int r = i / 2, c = j + 8 * h + column + i % 2, mine = low + 8 * r, other = tile * passing + c;
          const int key = of_keys ? mine : other, query = of_keys ? other : mine;
          float weight = mma::exp2(s[h][i] * scale - (of_keys ? statistics[turn][0][c] : own_lse[r]));
          if (key >= N || query >= N || (shape.causal && key > query)) weight = 0;
          dp[h][i] = weight * (dp[h][i] - (of_keys ? statistics[turn][1][c] : own_delta[r]));
          s[h][i] = weight;
        }
      const uint32_t ds[4] = {mma::pair(dp[0][0], dp[0][1]), mma::pair(dp[0][2], dp[0][3]),
                              mma::pair(dp[1][0], dp[1][1]), mma::pair(dp[1][2], dp[1][3])};
      one.add_product(ds, j, d0);
      if constexpr (of_keys) {
        const uint32_t weight[4] = {mma::pair(s[0][0], s[0][1]), mma::pair(s[0][2], s[0][3]),
                                    mma::pair(s[1][0], s[1][1]), mma::pair(s[1][2], s[1][3])};
        two.add_product(weight, j, d1);
      }
    }
    __syncthreads();
  }

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int n = low + 8 * r;
    if (n >= N) continue;
    __nv_bfloat16* to = p.dqkv + (b * N + n) * 3 * inner + (of_keys ? inner : 0) + head * head_dim + column;
#pragma unroll
    for (int j = 0; j < head_dim / 8; ++j) {
      *reinterpret_cast<uint32_t*>(to + 8 * j) = mma::pair(d0[j][2 * r] * shape.scale, d0[j][2 * r + 1] * shape.scale);
      if constexpr (of_keys)
        *reinterpret_cast<uint32_t*>(to + inner + 8 * j) = mma::pair(d1[j][2 * r], d1[j][2 * r + 1]);
    }
  }
}

template <int head_dim, int warps, bool of_keys>
void launch(Context& context, const AttentionShape& shape, const Pointers& p) {
  constexpr size_t shared = static_cast<size_t>(2 * 16 * warps + 4 * passing) * mma::Tile<head_dim>::pitch * 2;
  const auto kernel = gradient_kernel<head_dim, warps, of_keys>;
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)));
  const dim3 blocks = grid_of(blocks_for(shape.N, 16 * warps), shape.B * shape.heads);
  kernel<<<blocks, warps * warp_size, shared, context.stream>>>(shape, p);
}

template <int head_dim>
void run(Context& context, const AttentionShape& shape, const Pointers& p) {
  constexpr int threads = 256;
  delta_kernel<head_dim>
      <<<blocks_for(shape.B * shape.N * shape.heads * (head_dim / 8), threads), threads, 0, context.stream>>>(shape, p);
  const auto both = [&]<int warps>() {
    launch<head_dim, warps, true>(context, shape, p);
    launch<head_dim, warps, false>(context, shape, p);
  };
  if (shape.N <= 256)
    both.template operator()<4>();
  else
    both.template operator()<8>();
  launched("attention_backward");
}

}  // namespace

Served attention_backward_flash(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                                const Tensor& lse, Tensor& dqkv) {
  if (qkv.dtype() != DType::bfloat16 || (shape.head_dim != 32 && shape.head_dim != 64)) return Served::no;
  if (!aligned16(dout) || !aligned16(qkv) || !aligned16(out) || !aligned16(dqkv)) return Served::no;
  Context& context = context_of(qkv);
  const Tensor delta = Tensor::empty({shape.B, shape.heads, shape.N}, DType::float32, qkv.device());
  const Pointers p{elements<__nv_bfloat16>(dout), elements<__nv_bfloat16>(qkv), elements<__nv_bfloat16>(out),
                   elements<float>(lse),          elements<float>(delta),       elements<__nv_bfloat16>(dqkv)};
  if (shape.head_dim == 64)
    run<64>(context, shape, p);
  else
    run<32>(context, shape, p);
  return Served::yes;
}

}  // namespace trm::cuda
