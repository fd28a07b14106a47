// The q head reads one position of a row: a warp a row; its weight's gradient sums the rows in a fixed order.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int rows_per_block = 8;
constexpr dim3 column_block(32, 16);  // columns, slices of the batch

struct ZShape {
  int64_t B, N, D;
  /// First element of the position that row b reads.
  __device__ int64_t at(int64_t b, const int32_t* positions) const {
    const int64_t position = positions ? min(max(int64_t{positions[b]}, int64_t{0}), N - 1) : 0;
    return (b * N + position) * D;
  }
};

template <class T>
__global__ void q_head_kernel(const T* z, const float* w, const float* bias, const int32_t* positions, float* q,
                              ZShape s) {
  const int64_t b = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size;
  if (b >= s.B) return;
  const T* row = z + s.at(b, positions);
  float first = 0, second = 0;
  for (int64_t d = threadIdx.x % warp_size; d < s.D; d += warp_size) {
    const float x = to_float(row[d]);
    first += x * w[d];
    second += x * w[s.D + d];
  }
  first = warp_sum(first);
  second = warp_sum(second);
  if (threadIdx.x % warp_size != 0) return;
  q[2 * b] = first + bias[0];
  q[2 * b + 1] = second + bias[1];
}

template <class T>
__global__ void dz_kernel(const float* dq, const float* w, const int32_t* positions, T* dz, ZShape s) {
  const int64_t b = blockIdx.x;
  T* row = dz + s.at(b, positions);
  const float first = dq[2 * b], second = dq[2 * b + 1];
  for (int64_t d = threadIdx.x; d < s.D; d += blockDim.x)
    row[d] = from_float<T>(to_float(row[d]) + first * w[d] + second * w[s.D + d]);
}

template <class T>
__global__ void dw_kernel(const float* dq, const T* z, const int32_t* positions, float* dw, float* dbias, ZShape s) {
  __shared__ float shared[2][16][32];
  const int64_t d = int64_t{blockIdx.x} * 32 + threadIdx.x;
  float first = 0, second = 0, first_bias = 0, second_bias = 0;
  for (int64_t b = threadIdx.y; b < s.B; b += blockDim.y) {
    const float x = d < s.D ? to_float(z[s.at(b, positions) + d]) : 0.0f;
    first += dq[2 * b] * x;
    second += dq[2 * b + 1] * x;
    first_bias += dq[2 * b];
    second_bias += dq[2 * b + 1];
  }
  const auto sum = [&](float a, float b) {
    __syncthreads();
    shared[0][threadIdx.y][threadIdx.x] = a;
    shared[1][threadIdx.y][threadIdx.x] = b;
    __syncthreads();
    float2 all{0, 0};
    for (unsigned i = 0; i < blockDim.y; ++i) {
      all.x += shared[0][i][threadIdx.x];
      all.y += shared[1][i][threadIdx.x];
    }
    return all;
  };
  const float2 weight = sum(first, second), bias = sum(first_bias, second_bias);
  if (threadIdx.y != 0 || d >= s.D) return;
  dw[d] += weight.x;
  dw[s.D + d] += weight.y;
  if (d == 0) {
    dbias[0] += bias.x;
    dbias[1] += bias.y;
  }
}

const int32_t* optional(const Tensor* positions) { return positions ? elements<int32_t>(*positions) : nullptr; }
ZShape shape_of(const Tensor& z) { return {z.size(0), z.size(1), z.size(2)}; }

void q_head(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions, Tensor& q) {
  if (q.elements() == 0) return;
  for_activation(z, [&]<class T>() {
    q_head_kernel<T><<<blocks_for(z.size(0), rows_per_block), rows_per_block * warp_size, 0, context_of(z).stream>>>(
        elements<T>(z), elements<float>(w), elements<float>(bias), optional(positions), elements<float>(q),
        shape_of(z));
  });
  launched("q_head");
}

void q_head_backward(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions, Tensor& dz,
                     Tensor& dw, Tensor& dbias) {
  if (dq.elements() == 0) return;
  Context& context = context_of(z);
  for_activation(z, [&]<class T>() {
    dz_kernel<T><<<blocks_for(z.size(0), 1), 128, 0, context.stream>>>(
        elements<float>(dq), elements<float>(w), optional(positions), elements<T>(dz), shape_of(z));
    dw_kernel<T><<<blocks_for(z.size(2), 32), column_block, 0, context.stream>>>(
        elements<float>(dq), elements<T>(z), optional(positions), elements<float>(dw), elements<float>(dbias),
        shape_of(z));
  });
  launched("q_head_backward");
}

}  // namespace

const Registration registration([] {
  kernels::q_head.set(DeviceKind::cuda, q_head);
  kernels::q_head_backward.set(DeviceKind::cuda, q_head_backward);
});

}  // namespace trm::cuda
