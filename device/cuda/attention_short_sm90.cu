// Attention for up to 128 positions on Hopper: the softmax sees all keys at once, so it needs no running maximum. The
// result takes the place of its queries. See attention_short_sm90.cuh.
#include "device/cuda/attention_short_sm90.cuh"

namespace trm::cuda {
namespace {

using namespace sm90;

enum Tile { queries, keys, values, tiles };

struct Maps {
  CUtensorMap qkv, out;
};

template <int head_dim, int rows>
using Layout = Items<head_dim, rows, tiles, 2, 8, 0>;

template <int head_dim, int rows>
__global__ __launch_bounds__(Layout<head_dim, rows>::threads,
                             1) void attention_short_kernel(const __grid_constant__ Maps maps, ShortShape shape) {
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
            for (int part = 0; part < tiles; ++part)
              load_3d(items.tile(k, part), maps.qkv, part * shape.inner + x, 0, b, items.full(k));
          },
          [&](int k, int item) {
            store_3d(maps.out, item % shape.heads * head_dim, 0, item / shape.heads, items.tile(k, queries));
          });
    return;
  }
  more_registers<L::multiplier_registers>();
  const int pair_index = threadIdx.x / pair_threads, row = threadIdx.x % pair_threads / warpgroup * 64,
            lane = threadIdx.x % warp_size, own = row + threadIdx.x % warpgroup / warp_size * 16, low = own + lane / 4,
            column = 2 * (lane % 4), N = shape.N;
  const float scale = shape.scale * 1.4426950408889634f;  // log2(e)
  const int edge = shape.causal ? min(N, own) : N;        // keys before are seen by all rows of the warp
  for (int k = pair_index, item = blockIdx.x + pair_index * gridDim.x; item < shape.items;
       k += L::pairs, item += L::pairs * gridDim.x) {
    wait(items.full(k), L::phase(k));
    float s[rows / 2];
    products_begin();
    multiply_rows<head_dim, rows>(s, items.tile(k, queries) + row * head_dim * 2, items.tile(k, keys));
    products_commit();
    products_wait<0>();
    pin(s);
#pragma unroll
    for (int j = 0; j < rows / 8; ++j)
      if (8 * j + 8 > edge) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int key = 8 * j + column + i % 2;
          if (key >= N || (shape.causal && key > low + i / 2 * 8)) s[4 * j + i] = -INFINITY;
        }
      }
    float total[2];
    uint32_t p[rows / 16][4];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float top = -INFINITY, sum = 0;
#pragma unroll
      for (int j = 0; j < rows / 8; ++j) top = fmaxf(top, fmaxf(s[4 * j + 2 * r], s[4 * j + 2 * r + 1]));
      top = fmaxf(top, __shfl_xor_sync(all_lanes, top, 1));
      top = fmaxf(top, __shfl_xor_sync(all_lanes, top, 2));
      const float offset = top == -INFINITY ? 0.0f : top * scale;
#pragma unroll
      for (int j = 0; j < rows / 8; ++j) {
        const float left = exp2_fast(fmaf(s[4 * j + 2 * r], scale, -offset)),
                    right = exp2_fast(fmaf(s[4 * j + 2 * r + 1], scale, -offset));
        sum += left + right;
        p[j / 2][2 * (j % 2) + r] = pair(left, right);
      }
      sum += __shfl_xor_sync(all_lanes, sum, 1);
      sum += __shfl_xor_sync(all_lanes, sum, 2);
      if (shape.lse_out && lane % 4 == 0 && low + 8 * r < N)
        shape.lse_out[int64_t{item} * N + low + 8 * r] = top * shape.scale + logf(sum);
      total[r] = 1 / sum;
    }
    float o[head_dim / 2];
    const uint64_t v = head_descriptor<head_dim>(items.tile(k, values));
    products_begin();
#pragma unroll
    for (int i = 0; i < rows / 16; ++i)
      if (i == 0)
        Wgmma<head_dim>::template start<1>(o, p[i], v);
      else
        Wgmma<head_dim>::template run<1>(o, p[i], v + 2 * head_dim * i, 1);
    products_commit();
    products_wait<0>();
    pin(o);
    if (own < rows) write_rows<head_dim>(o, total, items.tile(k, queries), own);
    items.finish(k);
  }
#endif
}

template <int head_dim, int rows>
void launch(Context& context, const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  using L = Layout<head_dim, rows>;
  const int64_t inner = shape.heads * head_dim;
  ShortShape s = short_shape(shape);
  s.lse_out = lse ? elements<float>(*lse) : nullptr;
  const Maps maps{rows_map(shape, qkv, 3 * inner, rows), rows_map(shape, out, inner, rows)};
  const auto kernel = attention_short_kernel<head_dim, rows>;
  TRM_CUDA(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(L::shared_bytes)));
  kernel<<<std::min(s.items, context.multiprocessors), L::threads, L::shared_bytes, context.stream>>>(maps, s);
  launched("attention");
}

}  // namespace

bool attention_short_sm90(const AttentionShape& shape, const Tensor& qkv, Tensor& out, Tensor* lse) {
  Context& context = context_of(qkv);
  const int64_t inner = shape.heads * shape.head_dim;
  if (!context.hopper() || qkv.dtype() != DType::bfloat16 || shape.N > 128 || !countable(shape) ||
      !mappable(qkv.address(), inner) || !mappable(out.address(), inner))
    return false;
  const auto run = [&]<int head_dim>() {
    if (shape.N <= 112)
      launch<head_dim, 112>(context, shape, qkv, out, lse);
    else
      launch<head_dim, 128>(context, shape, qkv, out, lse);
    return true;
  };
  if (shape.head_dim == 64) return run.template operator()<64>();
  if (shape.head_dim == 32) return run.template operator()<32>();
  return false;
}

}  // namespace trm::cuda
