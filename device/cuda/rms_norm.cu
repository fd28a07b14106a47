// residual + product through cuBLASLt (which adds the residual), then one pass that normalises; on Hopper in bfloat16
// the product's epilogue does both (residual_rms_norm_sm90.cu). Over the last axis a warp takes a row; over the
// sequence axis a thread takes a column of a slice.
#include "device/cuda/device_math.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/product.h"
#include "device/cuda/swiglu.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int rows_per_block = 8;
constexpr dim3 column_block(32, 16);  // columns, slices of the sequence

/// y [M, D] = s · rsqrt(mean(s²) + eps), s in y
template <class T, int N>
__global__ void rms_norm_kernel(T* y, float* rstd, int64_t M, int64_t D, float eps) {
  const int64_t row = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size, packs = D / N;
  if (row >= M) return;
  auto* values = reinterpret_cast<Pack<T, N>*>(y + row * D);
  float square = 0;
  for (int64_t i = threadIdx.x % warp_size; i < packs; i += warp_size) {
    const Pack<T, N> s = values[i];
#pragma unroll
    for (int j = 0; j < N; ++j) square += to_float(s.v[j]) * to_float(s.v[j]);
  }
  const float scale = rsqrtf(warp_sum(square) / static_cast<float>(D) + eps);
  for (int64_t i = threadIdx.x % warp_size; i < packs; i += warp_size) {
    Pack<T, N> s = values[i];
#pragma unroll
    for (int j = 0; j < N; ++j) s.v[j] = from_float<T>(to_float(s.v[j]) * scale);
    values[i] = s;
  }
  if (rstd && threadIdx.x % warp_size == 0) rstd[row] = scale;
}

/// y [M, D] = s · rsqrt(mean(s²) + eps), s = x + residual in float32; y may be either of them
template <class T, int N>
__global__ void residual_rms_norm_kernel(const T* x, const T* residual, T* y, float* rstd, int64_t M, int64_t D,
                                         float eps) {
  const int64_t row = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size, packs = D / N;
  if (row >= M) return;
  const auto *added = reinterpret_cast<const Pack<T, N>*>(x + row * D),
             *kept = reinterpret_cast<const Pack<T, N>*>(residual + row * D);
  float square = 0;
  for (int64_t i = threadIdx.x % warp_size; i < packs; i += warp_size) {
    const Pack<T, N> a = added[i], r = kept[i];
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float s = to_float(a.v[j]) + to_float(r.v[j]);
      square += s * s;
    }
  }
  const float scale = rsqrtf(warp_sum(square) / static_cast<float>(D) + eps);
  for (int64_t i = threadIdx.x % warp_size; i < packs; i += warp_size) {
    const Pack<T, N> a = added[i], r = kept[i];
    Pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) out.v[j] = from_float<T>((to_float(a.v[j]) + to_float(r.v[j])) * scale);
    reinterpret_cast<Pack<T, N>*>(y + row * D)[i] = out;
  }
  if (rstd && threadIdx.x % warp_size == 0) rstd[row] = scale;
}

/// ds = rstd (dy - y mean(dy ∘ y))
template <class T, int N>
__global__ void rms_norm_backward_kernel(const T* dy, const T* y, const float* rstd, T* ds, int64_t M, int64_t D) {
  const int64_t row = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size, packs = D / N;
  if (row >= M) return;
  const auto *gradient = reinterpret_cast<const Pack<T, N>*>(dy + row * D),
             *normed = reinterpret_cast<const Pack<T, N>*>(y + row * D);
  float dot = 0;
  for (int64_t i = threadIdx.x % warp_size; i < packs; i += warp_size) {
    const Pack<T, N> g = gradient[i], v = normed[i];
#pragma unroll
    for (int j = 0; j < N; ++j) dot += to_float(g.v[j]) * to_float(v.v[j]);
  }
  const float mean = warp_sum(dot) / static_cast<float>(D), scale = rstd[row];
  for (int64_t i = threadIdx.x % warp_size; i < packs; i += warp_size) {
    const Pack<T, N> g = gradient[i], v = normed[i];
    Pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) out.v[j] = from_float<T>(scale * (to_float(g.v[j]) - to_float(v.v[j]) * mean));
    reinterpret_cast<Pack<T, N>*>(ds + row * D)[i] = out;
  }
}

/// The same for rows of at most two packs a lane: read once, held in registers.
template <class T, int N>
__global__ void short_rms_norm_backward_kernel(const T* dy, const T* y, const float* rstd, T* ds, int64_t M,
                                               int64_t D) {
  const int64_t row = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size;
  if (row >= M) return;
  const int packs = static_cast<int>(D / N), lane = threadIdx.x % warp_size;
  const auto *gradient = reinterpret_cast<const Pack<T, N>*>(dy + row * D),
             *normed = reinterpret_cast<const Pack<T, N>*>(y + row * D);
  Pack<T, N> g[2], v[2];
  float dot = 0;
#pragma unroll
  for (int p = 0; p < 2; ++p)
    if (const int i = p * warp_size + lane; i < packs) {
      g[p] = gradient[i];
      v[p] = normed[i];
    }
  const float scale = rstd[row];
#pragma unroll
  for (int p = 0; p < 2; ++p)
    if (p * warp_size + lane < packs)
#pragma unroll
      for (int j = 0; j < N; ++j) dot += to_float(g[p].v[j]) * to_float(v[p].v[j]);
  const float mean = warp_sum(dot) / static_cast<float>(D);
#pragma unroll
  for (int p = 0; p < 2; ++p)
    if (const int i = p * warp_size + lane; i < packs) {
      Pack<T, N> out;
#pragma unroll
      for (int j = 0; j < N; ++j) out.v[j] = from_float<T>(scale * (to_float(g[p].v[j]) - to_float(v[p].v[j]) * mean));
      reinterpret_cast<Pack<T, N>*>(ds + row * D)[i] = out;
    }
}

/// Sum over the slices of a column (threadIdx.y), for all of them.
__device__ __forceinline__ float column_sum(float x, float (*shared)[32]) {
  shared[threadIdx.y][threadIdx.x] = x;
  __syncthreads();
  float sum = 0;
  for (unsigned i = 0; i < blockDim.y; ++i) sum += shared[i][threadIdx.x];
  return sum;
}

/// The same over axis 1 of [B, N, D]: grid (columns of D, b), a pack of W columns a thread.
template <class T, int W>
__global__ __launch_bounds__(512) void token_rms_norm_kernel(T* y, float* rstd, int64_t B, int64_t N, int64_t D,
                                                             float eps) {
  __shared__ float shared[W][16][32];
  const int64_t b = grid_row(), d = (int64_t{blockIdx.x} * 32 + threadIdx.x) * W;
  if (b >= B) return;
  T* column = y + b * N * D + d;
  float square[W] = {};
  if (d < D)
    for (int64_t n = threadIdx.y; n < N; n += blockDim.y) {
      const auto s = *reinterpret_cast<const Pack<T, W>*>(column + n * D);
#pragma unroll
      for (int j = 0; j < W; ++j) square[j] += to_float(s.v[j]) * to_float(s.v[j]);
    }
  float scale[W];
#pragma unroll
  for (int j = 0; j < W; ++j) scale[j] = rsqrtf(column_sum(square[j], shared[j]) / static_cast<float>(N) + eps);
  if (d >= D) return;
  for (int64_t n = threadIdx.y; n < N; n += blockDim.y) {
    auto* to = reinterpret_cast<Pack<T, W>*>(column + n * D);
    Pack<T, W> s = *to;
#pragma unroll
    for (int j = 0; j < W; ++j) s.v[j] = from_float<T>(to_float(s.v[j]) * scale[j]);
    *to = s;
  }
  if (rstd && threadIdx.y == 0)
#pragma unroll
    for (int j = 0; j < W; ++j) rstd[b * D + d + j] = scale[j];
}

template <class T, int W>
__global__ __launch_bounds__(512) void token_rms_norm_backward_kernel(const T* dy, const T* y, const float* rstd, T* ds,
                                                                      int64_t B, int64_t N, int64_t D) {
  __shared__ float shared[W][16][32];
  const int64_t b = grid_row(), d = (int64_t{blockIdx.x} * 32 + threadIdx.x) * W, first = b * N * D + d;
  if (b >= B) return;
  float dot[W] = {};
  if (d < D)
    for (int64_t n = threadIdx.y; n < N; n += blockDim.y) {
      const auto g = *reinterpret_cast<const Pack<T, W>*>(dy + first + n * D),
                 v = *reinterpret_cast<const Pack<T, W>*>(y + first + n * D);
#pragma unroll
      for (int j = 0; j < W; ++j) dot[j] += to_float(g.v[j]) * to_float(v.v[j]);
    }
  float mean[W];
#pragma unroll
  for (int j = 0; j < W; ++j) mean[j] = column_sum(dot[j], shared[j]) / static_cast<float>(N);
  if (d >= D) return;
  for (int64_t n = threadIdx.y; n < N; n += blockDim.y) {
    const auto g = *reinterpret_cast<const Pack<T, W>*>(dy + first + n * D),
               v = *reinterpret_cast<const Pack<T, W>*>(y + first + n * D);
    Pack<T, W> out;
#pragma unroll
    for (int j = 0; j < W; ++j)
      out.v[j] = from_float<T>(rstd[b * D + d + j] * (to_float(g.v[j]) - to_float(v.v[j]) * mean[j]));
    *reinterpret_cast<Pack<T, W>*>(ds + first + n * D) = out;
  }
}

template <class F>
void for_packs(const Tensor& a, const Tensor& b, const Tensor& c, int64_t D, F&& run) {
  for_activation(a, [&]<class T>() {
    if (D % pack_size<T> == 0 && aligned16(a) && aligned16(b) && aligned16(c))
      run.template operator()<T, pack_size<T>>();
    else
      run.template operator()<T, 1>();
  });
}

/// Packs of two columns where they may be: whole sectors, and many threads.
template <class F>
void for_column_packs(const Tensor& a, int64_t D, F&& run) {
  for_activation(a, [&]<class T>() {
    if (D % 2 == 0 && aligned16(a))
      run.template operator()<T, 2>();
    else
      run.template operator()<T, 1>();
  });
}

void linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                              Tensor* rstd) {
  const int64_t M = x.size(0), K = w.in(), D = w.out();
  if (y.elements() == 0 || linear_residual_rms_norm_sm90(x, w, residual, eps, y, rstd)) return;
  Context& context = context_of(x);
  multiply(context, "linear_residual_rms_norm",
           {.m = M,
            .n = D,
            .k = K,
            .a = {x.address(), K},
            .b = {w.value.address(), K, true},
            .out = y.address(),
            .out_ld = D,
            .added = residual.address(),
            .in_dtype = x.dtype(),
            .out_dtype = y.dtype()});
  for_packs(y, y, y, D, [&]<class T, int N>() {
    rms_norm_kernel<T, N><<<blocks_for(M, rows_per_block), rows_per_block * warp_size, 0, context.stream>>>(
        elements<T>(y), rstd ? elements<float>(*rstd) : nullptr, M, D, eps);
  });
  launched("linear_residual_rms_norm");
}

void token_linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                    Tensor* rstd) {
  const int64_t B = x.size(0), I = w.in(), N = w.out(), D = x.size(2);
  if (y.elements() == 0) return;
  Context& context = context_of(x);
  const View weight = plain(context, w);
  multiply(context, "token_linear_residual_rms_norm",
           {.m = N,
            .n = D,
            .k = I,
            .batch = B,
            .a = {weight.data, weight.ld},
            .b = {x.address(), D, false, I * D},
            .out = y.address(),
            .out_ld = D,
            .out_stride = N * D,
            .added = residual.address(),
            .in_dtype = x.dtype(),
            .out_dtype = y.dtype()});
  for_column_packs(y, D, [&]<class T, int W>() {
    const dim3 blocks = grid_of(blocks_for(D, 32 * W), B);
    token_rms_norm_kernel<T, W><<<blocks, column_block, 0, context.stream>>>(
        elements<T>(y), rstd ? elements<float>(*rstd) : nullptr, B, N, D, eps);
  });
  launched("token_linear_residual_rms_norm");
}

void residual_rms_norm(const Tensor& x, const Tensor& residual, float eps, Tensor& y, Tensor* rstd) {
  const int64_t M = x.size(0), D = x.size(1);
  if (y.elements() == 0) return;
  Context& context = context_of(y);
  for_packs(x, residual, y, D, [&]<class T, int N>() {
    residual_rms_norm_kernel<T, N><<<blocks_for(M, rows_per_block), rows_per_block * warp_size, 0, context.stream>>>(
        elements<T>(x), elements<T>(residual), elements<T>(y), rstd ? elements<float>(*rstd) : nullptr, M, D, eps);
  });
  launched("residual_rms_norm");
}

void rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  const int64_t M = dy.size(0), D = dy.size(1);
  if (dy.elements() == 0) return;
  Context& context = context_of(dy);
  for_packs(dy, y, ds, D, [&]<class T, int N>() {
    const auto kernel = D <= 2 * warp_size * N ? short_rms_norm_backward_kernel<T, N> : rms_norm_backward_kernel<T, N>;
    kernel<<<blocks_for(M, rows_per_block), rows_per_block * warp_size, 0, context.stream>>>(
        elements<T>(dy), elements<T>(y), elements<float>(rstd), elements<T>(ds), M, D);
  });
  launched("rms_norm_backward");
}

void token_rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  const int64_t B = dy.size(0), N = dy.size(1), D = dy.size(2);
  if (dy.elements() == 0) return;
  Context& context = context_of(dy);
  const bool aligned = aligned16(dy) && aligned16(y) && aligned16(ds);
  for_column_packs(dy, aligned ? D : 1, [&]<class T, int W>() {
    const dim3 blocks = grid_of(blocks_for(D, 32 * W), B);
    token_rms_norm_backward_kernel<T, W><<<blocks, column_block, 0, context.stream>>>(
        elements<T>(dy), elements<T>(y), elements<float>(rstd), elements<T>(ds), B, N, D);
  });
  launched("token_rms_norm_backward");
}

}  // namespace

const Registration registration([] {
  kernels::linear_residual_rms_norm.set(DeviceKind::cuda, linear_residual_rms_norm);
  kernels::token_linear_residual_rms_norm.set(DeviceKind::cuda, token_linear_residual_rms_norm);
  kernels::residual_rms_norm.set(DeviceKind::cuda, residual_rms_norm);
  kernels::rms_norm_backward.set(DeviceKind::cuda, rms_norm_backward);
  kernels::token_rms_norm_backward.set(DeviceKind::cuda, token_rms_norm_backward);
});

}  // namespace trm::cuda
