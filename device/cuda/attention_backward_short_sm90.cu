// The gradient of attention for up to 128 positions on Hopper, in one kernel: all of a head is on chip, so scores are
// computed once and nothing is summed across blocks. A warpgroup has 64 queries: p = exp(q kᵀ/√head_dim - lse), dp =
// dout vᵀ, δ = Σ p dp over the keys, ds = p (dp - δ), dq = ds k. p and ds go through shared memory, where the two
// warpgroups take 64 keys each: dv = pᵀ dout, dk = dsᵀ q. Gradients take the place of what has been used: dv that of
// v, dq of k, dk of dout. See attention_short_sm90.cuh.
#include "device/cuda/attention_short_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

enum Tile { queries, out_gradient, keys, values, tiles };

struct Maps {
  CUtensorMap qkv, dout, dqkv;
};

template <int rows>
inline constexpr int box_bytes = rows * 128;  // 64 keys of p or ds

template <int head_dim, int rows>
using Layout = Items<head_dim, rows, tiles, 1, 6, 4 * box_bytes<rows>>;  // extra: p, ds

#if defined(TRM_SM90A)

/// d [64, head_dim] = (64 columns of a box)ᵀ b
template <int head_dim, int rows>
__device__ __forceinline__ void multiply_columns(float (&d)[head_dim / 2], uint32_t box, uint32_t b) {
  const uint64_t left = descriptor(box), right = head_descriptor<head_dim>(b);
#pragma unroll
  for (int i = 0; i < rows / 16; ++i)
    if (i == 0)
      Wgmma<head_dim>::template start<1, 1>(d, left, right);
    else
      Wgmma<head_dim>::template run<1, 1>(d, left + 128 * i, right + 2 * head_dim * i, 1);
}

/// Rotates rows `low` and 8 further back by their position.
template <int head_dim>
struct RotationBack {
  static constexpr int groups = head_dim / 16;  // of 8 columns in half a head
  float2 cos[2][groups], sin[2][groups];
  __device__ __forceinline__ void load(const ShortShape& shape, int low, int column) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int at = min(low + 8 * r, shape.N - 1) * (head_dim / 2) + column;
#pragma unroll
      for (int j = 0; j < groups; ++j) {
        cos[r][j] = shape.cos ? *reinterpret_cast<const float2*>(shape.cos + at + 8 * j) : make_float2(1, 1);
        sin[r][j] = shape.cos ? *reinterpret_cast<const float2*>(shape.sin + at + 8 * j) : make_float2(0, 0);
      }
    }
  }
  __device__ __forceinline__ void apply(float (&d)[head_dim / 2]) const {
#pragma unroll
    for (int j = 0; j < groups; ++j)
#pragma unroll
      for (int r = 0; r < 2; ++r)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float &x = d[4 * j + 2 * r + c], &y = d[4 * (j + groups) + 2 * r + c];
          const float cosine = c ? cos[r][j].y : cos[r][j].x, sine = c ? sin[r][j].y : sin[r][j].x,
                      turned = x * cosine + y * sine;
          y = y * cosine - x * sine;
          x = turned;
        }
  }
};

#endif

template <int head_dim, int rows>
__global__ __launch_bounds__(Layout<head_dim, rows>::threads,
                             1) void attention_gradient_short_kernel(const __grid_constant__ Maps maps,
                                                                     ShortShape shape) {
#if defined(TRM_SM90A)
  using L = Layout<head_dim, rows>;
  extern __shared__ uint8_t memory[];
  const L items{aligned_shared(memory)};
  items.init();
  if (threadIdx.x >= L::pairs * pair_threads) {
    fewer_registers<L::mover_registers>();
    if (threadIdx.x % warpgroup == 0)
      items.move(
          shape.items,
          [&](int k, int item) {
            const int x = item % shape.heads * head_dim, b = item / shape.heads;
            load_3d(items.tile(k, queries), maps.qkv, x, 0, b, items.full(k));
            load_3d(items.tile(k, keys), maps.qkv, shape.inner + x, 0, b, items.full(k));
            load_3d(items.tile(k, values), maps.qkv, 2 * shape.inner + x, 0, b, items.full(k));
            load_3d(items.tile(k, out_gradient), maps.dout, x, 0, b, items.full(k));
          },
          [&](int k, int item) {
            const int x = item % shape.heads * head_dim, b = item / shape.heads;
            store_3d(maps.dqkv, x, 0, b, items.tile(k, keys));
            store_3d(maps.dqkv, shape.inner + x, 0, b, items.tile(k, out_gradient));
            store_3d(maps.dqkv, 2 * shape.inner + x, 0, b, items.tile(k, values));
          });
    return;
  }
  more_registers<L::multiplier_registers>();
  const int half = threadIdx.x / warpgroup, row = 64 * half, lane = threadIdx.x % warp_size,
            own = row + threadIdx.x % warpgroup / warp_size * 16, low = own + lane / 4, column = 2 * (lane % 4),
            N = shape.N;
  const uint32_t weights = items.base, score_gradients = weights + 2 * box_bytes<rows>;
  const auto sync_pair = [] { asm volatile("bar.sync 1, %0;" ::"n"(pair_threads) : "memory"); };
  const auto share = [&](const uint32_t(&p)[rows / 16][4], uint32_t to) {
    if (own < rows) {
#pragma unroll
      for (int j = 0; j < rows / 16; ++j)
        store_tiles(tile_address(to + j / 4 * box_bytes<rows>, own, 2 * j % 8, lane), p[j][0], p[j][1], p[j][2],
                    p[j][3]);
    }
    fence_async();
    sync_pair();
  };
  constexpr float log2e = 1.4426950408889634f;
  const float scale = shape.scale * log2e, one[2] = {1, 1}, factor[2] = {shape.scale, shape.scale};
  const int edge = shape.causal ? min(N, own) : N;  // keys before are seen by all rows of the warp
  RotationBack<head_dim> rotation;
  rotation.load(shape, low, column);
  float lse[2];  // +∞ behind the end: p = 0
  const auto load_lse = [&](int item) {
#pragma unroll
    for (int r = 0; r < 2; ++r)
      lse[r] = low + 8 * r < N ? __ldg(shape.lse + int64_t{item} * N + low + 8 * r) : INFINITY;
  };
  load_lse(blockIdx.x);
  for (int k = 0, item = blockIdx.x; item < shape.items; ++k, item += gridDim.x) {
    const float normalizer[2] = {lse[0] * log2e, lse[1] * log2e};
    if (item + static_cast<int>(gridDim.x) < shape.items) load_lse(item + gridDim.x);
    wait(items.full(k), L::phase(k));
    float s[rows / 2], dp[rows / 2], dq[head_dim / 2], dk[head_dim / 2], dv[head_dim / 2];
    uint32_t p[rows / 16][4];  // then ds
    products_begin();
    multiply_rows<head_dim, rows>(s, items.tile(k, queries) + row * head_dim * 2, items.tile(k, keys));
    products_commit();
    multiply_rows<head_dim, rows>(dp, items.tile(k, out_gradient) + row * head_dim * 2, items.tile(k, values));
    products_commit();
    products_wait<1>();
    pin(s);
#pragma unroll
    for (int j = 0; j < rows / 8; ++j) {
      const bool hidden = 8 * j + 8 > edge;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float v[2];
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          v[c] = exp2_fast(fmaf(s[4 * j + 2 * r + c], scale, -normalizer[r]));
          if (hidden) {
            const int key = 8 * j + column + c;
            if (key >= N || (shape.causal && key > low + 8 * r)) v[c] = 0;
          }
        }
        p[j / 2][2 * (j % 2) + r] = pair(v[0], v[1]);
      }
    }
    share(p, weights);
    products_begin();
    multiply_columns<head_dim, rows>(dv, weights + half * box_bytes<rows>, items.tile(k, out_gradient));
    products_commit();
    products_wait<1>();
    pin(dp);
    float delta[2] = {0, 0};
#pragma unroll
    for (int j = 0; j < rows / 8; ++j)
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const uint32_t both = p[j / 2][2 * (j % 2) + r];
        delta[r] = fmaf(low_of(both), dp[4 * j + 2 * r], delta[r]);
        delta[r] = fmaf(high_of(both), dp[4 * j + 2 * r + 1], delta[r]);
      }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      delta[r] += __shfl_xor_sync(all_lanes, delta[r], 1);
      delta[r] += __shfl_xor_sync(all_lanes, delta[r], 2);
    }
#pragma unroll
    for (int j = 0; j < rows / 8; ++j)
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        uint32_t& both = p[j / 2][2 * (j % 2) + r];
        both = pair(low_of(both) * (dp[4 * j + 2 * r] - delta[r]), high_of(both) * (dp[4 * j + 2 * r + 1] - delta[r]));
      }
    share(p, score_gradients);
    const uint64_t right = head_descriptor<head_dim>(items.tile(k, keys));
    products_begin();
#pragma unroll
    for (int i = 0; i < rows / 16; ++i) {
      const uint64_t left = descriptor(score_gradients + i / 4 * box_bytes<rows> + row * 128) + 2 * (i % 4);
      if (i == 0)
        Wgmma<head_dim>::template start<0, 1>(dq, left, right);
      else
        Wgmma<head_dim>::template run<0, 1>(dq, left, right + 2 * head_dim * i, 1);
    }
    multiply_columns<head_dim, rows>(dk, score_gradients + half * box_bytes<rows>, items.tile(k, queries));
    products_commit();
    products_wait<0>();
    pin(dv);
    pin(dq);
    pin(dk);
    rotation.apply(dq);
    rotation.apply(dk);
    sync_pair();  // all has been read
    if (own < rows) {
      write_rows<head_dim>(dv, one, items.tile(k, values), own);
      write_rows<head_dim>(dq, factor, items.tile(k, keys), own);
      write_rows<head_dim>(dk, factor, items.tile(k, out_gradient), own);
    }
    items.finish(k);
  }
#endif
}

template <int head_dim, int rows>
void launch(Context& context, const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& lse,
            Tensor& dqkv) {
  using L = Layout<head_dim, rows>;
  const int64_t inner = shape.heads * head_dim;
  ShortShape s = short_shape(shape);
  s.lse = elements<float>(lse);
  const Maps maps{rows_map(shape, qkv, 3 * inner, rows), rows_map(shape, dout, inner, rows),
                  rows_map(shape, dqkv, 3 * inner, rows)};
  const auto kernel = attention_gradient_short_kernel<head_dim, rows>;
  TRM_CUDA(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(L::shared_bytes)));
  kernel<<<std::min(s.items, context.multiprocessors), L::threads, L::shared_bytes, context.stream>>>(maps, s);
  launched("attention_backward");
}

}  // namespace

Served attention_backward_short_sm90(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor&,
                                     const Tensor& lse, Tensor& dqkv) {
  Context& context = context_of(qkv);
  const int64_t inner = shape.heads * shape.head_dim;
  if (!context.hopper() || qkv.dtype() != DType::bfloat16 || shape.N > 128 || !countable(shape) ||
      !mappable(qkv.address(), inner) || !mappable(dout.address(), inner) || !mappable(dqkv.address(), inner))
    return Served::no;
  const auto run = [&]<int head_dim>() {
    if (shape.N <= 112)
      launch<head_dim, 112>(context, shape, dout, qkv, lse, dqkv);
    else
      launch<head_dim, 128>(context, shape, dout, qkv, lse, dqkv);
    return Served::rotated;
  };
  if (shape.head_dim == 64) return run.template operator()<64>();
  if (shape.head_dim == 32) return run.template operator()<32>();
  return Served::no;
}

}  // namespace trm::cuda
