// A product with a few rows is bound by reading the weight. Half a warp takes a row of it at a time, `together` rows at
// once so that enough bytes are on their way; sums are made in float32 in a fixed order.
#include "device/cuda/device_math.cuh"
#include "device/cuda/few_rows.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256, lanes = 16, together = 4;
constexpr int rows_per_block = threads / lanes * together;

template <class T, int M>
__global__ __launch_bounds__(threads) void few_rows_kernel(const T* __restrict__ x, const T* __restrict__ w, T* y,
                                                           int64_t O, int K) {
  constexpr int N = pack_size<T>;
  const int lane = threadIdx.x % lanes, packs = K / N;
  // Rows of the two halves of a warp are neighbours.
  const int64_t first = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / lanes;
  const auto row_of = [&](int i) { return first + int64_t{i} * (threads / lanes); };
  const Pack<T, N>* from[together];
#pragma unroll
  for (int i = 0; i < together; ++i) from[i] = reinterpret_cast<const Pack<T, N>*>(w + min(row_of(i), O - 1) * K);
  float sum[together][M] = {};
#pragma unroll 2
  for (int at = lane; at < packs; at += lanes) {
    Pack<T, N> a[together];
#pragma unroll
    for (int i = 0; i < together; ++i) a[i] = from[i][at];
#pragma unroll
    for (int m = 0; m < M; ++m) {
      const auto b = reinterpret_cast<const Pack<T, N>*>(x + int64_t{m} * K)[at];
#pragma unroll
      for (int i = 0; i < together; ++i)
#pragma unroll
        for (int j = 0; j < N; ++j) sum[i][m] += to_float(a[i].v[j]) * to_float(b.v[j]);
    }
  }
#pragma unroll
  for (int i = 0; i < together; ++i)
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float total = sum[i][m];
#pragma unroll
      for (int step = lanes / 2; step > 0; step /= 2) total += __shfl_xor_sync(all_lanes, total, step);
      if (lane == 0 && row_of(i) < O) y[m * O + row_of(i)] = from_float<T>(total);
    }
}

}  // namespace

bool linear_few_rows(const Tensor& x, const Weight& w, Tensor& y) {
  const int64_t M = x.size(0), K = w.in(), O = w.out();
  const int64_t pack = 16 / static_cast<int64_t>(size_of(x.dtype()));
  if (M < 1 || M > most_few_rows || O == 0 || K == 0 || K % pack != 0 || K > 1 << 20 || !aligned16(x) ||
      !aligned16(w.value))
    return false;
  Context& context = context_of(x);
  const unsigned blocks = blocks_for(O, rows_per_block);
  for_activation(x, [&]<class T>() {
    const auto run = [&](auto kernel) {
      kernel<<<blocks, threads, 0, context.stream>>>(elements<T>(x), elements<T>(w.value), elements<T>(y), O,
                                                     static_cast<int>(K));
    };
    switch (M) {
      case 1:
        return run(few_rows_kernel<T, 1>);
      case 2:
        return run(few_rows_kernel<T, 2>);
      case 3:
        return run(few_rows_kernel<T, 3>);
      default:
        return run(few_rows_kernel<T, 4>);
    }
  });
  launched("linear");
  return true;
}

}  // namespace trm::cuda
