// Sparse sign-SGD: the first row of an id works for all rows of that id, which are summed in order.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr dim3 column_block(32, 16);  // columns, slices of the rows

/// Grid (columns, rows). A row that is not the first of its id has nothing to do.
__global__ void sign_sgd_kernel(const float* rows, const int32_t* ids, const float* control, const float* rates,
                                float weight_decay, float* table, int64_t R, int64_t W, int64_t P) {
  __shared__ float shared[16][32];
  const int64_t r = grid_row();
  if (r >= R) return;
  const int32_t id = ids[r];
  if (control[Control::apply] == 0 || id < 0 || id >= P) return;
  const int thread = static_cast<int>(threadIdx.y * 32 + threadIdx.x);
  bool earlier = false;
  for (int64_t i = thread; i < r; i += 512) earlier |= ids[i] == id;
  if (__syncthreads_or(earlier)) return;
  const int64_t w = int64_t{blockIdx.x} * 32 + threadIdx.x;
  float sum = 0;
  for (int64_t i = r + threadIdx.y; i < R; i += 16)
    if (ids[i] == id && w < W) sum += rows[i * W + w];
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || w >= W) return;
  float all = 0;
  for (int i = 0; i < 16; ++i) all += shared[i][threadIdx.x];
  const float lr = rates[Rate::lr], sign = static_cast<float>((all > 0) - (all < 0));
  table[id * W + w] = table[id * W + w] * (1 - lr * weight_decay) - lr * sign;
}

void sign_sgd(const Tensor& rows, const Tensor& ids, const Tensor& control, const Tensor& rates, float weight_decay,
              Tensor& table) {
  const int64_t R = ids.elements(), W = table.size(1);
  if (R == 0 || table.elements() == 0) return;
  const dim3 blocks = grid_of(blocks_for(W, 32), R);
  sign_sgd_kernel<<<blocks, column_block, 0, context_of(rows).stream>>>(
      elements<float>(rows), elements<int32_t>(ids), elements<float>(control), elements<float>(rates), weight_decay,
      elements<float>(table), R, W, table.size(0));
  launched("sign_sgd");
}

}  // namespace

const Registration registration([] { kernels::sign_sgd.set(DeviceKind::cuda, sign_sgd); });

}  // namespace trm::cuda
