// dw [O, N] += Σ_b dy[b] x[b]ᵀ. The sum over the batch runs in a fixed order: groups of rows of the batch add to as
// many partial gradients one after the other, then the partial gradients are added up.
#include "device/cuda/device_math.cuh"
#include "device/cuda/product.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;
constexpr int64_t most_parts = 64;  // partial gradients: they stay in the L2 cache

__global__ void add_parts_kernel(const float* parts, float* to, int64_t n, int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= n) return;
  float sum = 0;
#pragma unroll 8
  for (int64_t p = 0; p < count; ++p) sum += parts[p * n + i];
  to[i] += sum;
}

void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  Context& context = context_of(dy);
  const int64_t B = dy.size(0), O = dy.size(1), D = dy.size(2), N = x.size(1), parts = std::min(B, most_parts);
  if (B == 0 || D == 0 || dw.elements() == 0) return;
  const Tensor partial = Tensor::empty({parts, O, N}, DType::float32, dy.device());
  for (int64_t b = 0; b < B; b += parts) {
    const Tensor some_dy = dy.rows(b, std::min(parts, B - b)), some_x = x.rows(b, std::min(parts, B - b));
    multiply(context, "token_linear_backward_weight",
             {.m = O,
              .n = N,
              .k = D,
              .batch = some_dy.size(0),
              .a = {some_dy.address(), D, false, O * D},
              .b = {some_x.address(), D, true, N * D},
              .out = partial.address(),
              .out_ld = N,
              .out_stride = O * N,
              .added = b ? partial.address() : nullptr,
              .in_dtype = dy.dtype()});
  }
  add_parts_kernel<<<blocks_for(O * N, threads), threads, 0, context.stream>>>(elements<float>(partial),
                                                                               elements<float>(dw), O * N, parts);
  launched("token_linear_backward_weight");
}

}  // namespace

const Registration registration([] {
  kernels::token_linear_backward_weight.set(DeviceKind::cuda, token_linear_backward_weight);
});

}  // namespace trm::cuda
