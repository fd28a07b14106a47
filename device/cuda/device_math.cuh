#pragma once
// What every kernel file uses: element types, packs of 16 bytes, reductions, launch sizes.
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "device/cuda/check.h"
#include "device/cuda/context.h"
#include "device/errors.h"
#include "device/tensor.h"

namespace trm::cuda {

inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xffffffffu;

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T>
__device__ __forceinline__ T from_float(float x) {
  if constexpr (sizeof(T) == 2)
    return __float2bfloat16_rn(x);
  else
    return x;
}

/// N elements that are loaded and stored together.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T v[N];
};
/// Elements in 16 bytes.
template <class T>
inline constexpr int pack_size = 16 / static_cast<int>(sizeof(T));

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int step = warp_size / 2; step > 0; step /= 2) x += __shfl_xor_sync(all_lanes, x, step);
  return x;
}

/// Sum over the block, for all threads; `shared` holds one float a warp. Blocks are whole warps.
__device__ __forceinline__ float block_sum(float x, float* shared) {
  x = warp_sum(x);
  const int warp = threadIdx.x / warp_size, warps = blockDim.x / warp_size;
  __syncthreads();
  if (threadIdx.x % warp_size == 0) shared[warp] = x;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < warps; ++i) sum += shared[i];
  return sum;
}

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

/// The elements, without the check of the dtype that Tensor::data makes (its bfloat16 is a host type).
template <class T>
T* elements(const Tensor& t) {
  return static_cast<T*>(t.address());
}

/// Calls f.operator()<T>() with the device's element type of an activation.
template <class F>
void for_activation(const Tensor& t, F&& f) {
  if (t.dtype() == DType::bfloat16)
    f.template operator()<__nv_bfloat16>();
  else
    f.template operator()<float>();
}

/// For kernels that step by the grid: at most `most` blocks.
inline unsigned blocks_for(int64_t items, int64_t per_block, int64_t most) {
  return static_cast<unsigned>(std::clamp<int64_t>((items + per_block - 1) / per_block, 1, most));
}
/// For kernels whose blocks take per_block items each. Throws DeviceError where that is more blocks than a grid has.
inline unsigned blocks_for(int64_t items, int64_t per_block) {
  if (items / per_block >= INT32_MAX)
    throw DeviceError("cuda: " + std::to_string(items) + " rows are more than one kernel takes; lower the batch");
  return blocks_for(items, per_block, INT32_MAX);
}

/// A grid of `rows` rows of `columns` blocks, columns next to each other. The axes y and z of a grid end at 65535, so
/// rows are folded over both, and blocks of the last z may find a grid_row() behind the last row.
inline dim3 grid_of(unsigned columns, int64_t rows) {
  constexpr int64_t most = 65535;
  const int64_t z = std::max<int64_t>((rows + most - 1) / most, 1);
  return {columns, static_cast<unsigned>((rows + z - 1) / z), static_cast<unsigned>(z)};
}
__device__ __forceinline__ int64_t grid_row() { return int64_t{blockIdx.z} * gridDim.y + blockIdx.y; }

inline bool aligned16(const Tensor& t) { return reinterpret_cast<uintptr_t>(t.address()) % 16 == 0; }

}  // namespace trm::cuda
