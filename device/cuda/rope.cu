// Rotates q and k in place; a thread takes a pair (i, i + head_dim / 2), or W such pairs side by side.
#include "device/cuda/device_math.cuh"
#include "device/cuda/rope.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;

struct RopeShape {
  int64_t rows, N, width, positions;  // rows = B · N, width = 3 · heads · head_dim
  int heads, half;
};

template <class T, int W>
__global__ void rope_kernel(T* qkv, const float* cosines, const float* sines, const int32_t* offsets, RopeShape shape,
                            float sign) {
  const int packs = shape.half / W, per_row = 2 * shape.heads * packs;
  const int64_t n = shape.rows * per_row;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const int64_t row = i / per_row;
    const int rest = static_cast<int>(i - row * per_row), head = rest / packs, at = rest % packs * W;
    const int64_t first = offsets ? offsets[row / shape.N] : 0,
                  position = min(max(first + row % shape.N, int64_t{0}), shape.positions - 1);
    T* low = qkv + row * shape.width + head * 2 * shape.half + at;
    auto x = *reinterpret_cast<Pack<T, W>*>(low), y = *reinterpret_cast<Pack<T, W>*>(low + shape.half);
#pragma unroll
    for (int j = 0; j < W; ++j) {
      const float c = cosines[position * shape.half + at + j], s = sign * sines[position * shape.half + at + j];
      const float a = to_float(x.v[j]), b = to_float(y.v[j]);
      x.v[j] = from_float<T>(a * c - b * s);
      y.v[j] = from_float<T>(b * c + a * s);
    }
    *reinterpret_cast<Pack<T, W>*>(low) = x;
    *reinterpret_cast<Pack<T, W>*>(low + shape.half) = y;
  }
}

void rope(Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor* offsets, int heads, bool inverse) {
  if (qkv.elements() == 0) return;
  Context& context = context_of(qkv);
  const int64_t width = qkv.size(2);
  const RopeShape shape{
      qkv.size(0) * qkv.size(1), qkv.size(1), width, cos.size(0), heads, static_cast<int>(width / (6 * heads))};
  for_activation(qkv, [&]<class T>() {
    const auto run = [&](auto kernel, int W) {
      const int64_t n = shape.rows * 2 * heads * (shape.half / W);
      kernel<<<blocks_for(n, threads, 64 * context.multiprocessors), threads, 0, context.stream>>>(
          elements<T>(qkv), elements<float>(cos), elements<float>(sin), offsets ? elements<int32_t>(*offsets) : nullptr,
          shape, inverse ? -1.0f : 1.0f);
    };
    if (shape.half % pack_size<T> == 0 && aligned16(qkv))
      run(rope_kernel<T, pack_size<T>>, pack_size<T>);
    else
      run(rope_kernel<T, 1>, 1);
  });
  launched("rope");
}

}  // namespace

const Registration registration([] {
  kernels::rope.set(DeviceKind::cuda, rope);
  kernels::linear_rope.set(DeviceKind::cuda, linear_rope, linear_rope_serves, "bfloat16 on Hopper, head_dim 32 or 64");
});

}  // namespace trm::cuda
