// muon_momentum, muon_step: single passes over flat buffers.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;

__global__ void momentum_kernel(const float* g, const float* control, float momentum, float* buffer, float* u,
                                int64_t n) {
  const bool apply = control[Control::apply] != 0;
  const float clip = control[Control::clip];
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const float x = (1 - momentum) * (clip * g[i]), updated = momentum * buffer[i] + x;
    u[i] = apply ? momentum * updated + x : 0.0f;
    if (apply) buffer[i] = updated;
  }
}

__global__ void step_kernel(const float* u, const float* control, const float* rates, float weight_decay, float* p,
                            float* ema, __nv_bfloat16* narrow, int64_t n) {
  if (control[Control::apply] == 0) return;
  const float lr = rates[Rate::lr], kept = rates[Rate::ema], decay = 1 - lr * weight_decay;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const float updated = p[i] * decay - lr * u[i];
    p[i] = updated;
    if (ema) ema[i] = kept * ema[i] + (1 - kept) * updated;
    if (narrow) narrow[i] = __float2bfloat16_rn(updated);
  }
}

void muon_momentum(const Tensor& g, const Tensor& control, float momentum, Tensor& buffer, Tensor& u) {
  const int64_t n = g.elements();
  if (n == 0) return;
  Context& context = context_of(g);
  momentum_kernel<<<blocks_for(n, threads, 32 * context.multiprocessors), threads, 0, context.stream>>>(
      elements<float>(g), elements<float>(control), momentum, elements<float>(buffer), elements<float>(u), n);
  launched("muon_momentum");
}

void muon_step(const Tensor& u, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& p, Tensor* ema,
               Tensor* narrow) {
  const int64_t n = u.elements();
  if (n == 0) return;
  Context& context = context_of(u);
  step_kernel<<<blocks_for(n, threads, 32 * context.multiprocessors), threads, 0, context.stream>>>(
      elements<float>(u), elements<float>(control), elements<float>(rates), weight_decay, elements<float>(p),
      ema ? elements<float>(*ema) : nullptr, narrow ? elements<__nv_bfloat16>(*narrow) : nullptr, n);
  launched("muon_step");
}

}  // namespace

const Registration registration([] {
  kernels::muon_momentum.set(DeviceKind::cuda, muon_momentum);
  kernels::muon_step.set(DeviceKind::cuda, muon_step);
});

}  // namespace trm::cuda
