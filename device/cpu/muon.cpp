#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t elements_at_once = 1 << 14;

void muon_momentum(const Tensor& g, const Tensor& control, float momentum, Tensor& buffer, Tensor& u) {
  const bool apply = control.data<float>()[Control::apply] != 0;
  const float clip = control.data<float>()[Control::clip];
  const float* gradient = g.data<float>();
  float *mean = buffer.data<float>(), *to = u.data<float>();
  const int64_t n = g.elements();
#pragma omp parallel for if (n > elements_at_once)
  for (int64_t i = 0; i < n; ++i) {
    const float x = (1 - momentum) * (clip * gradient[i]), updated = momentum * mean[i] + x;
    to[i] = apply ? momentum * updated + x : 0.0f;
    if (apply) mean[i] = updated;
  }
}

void muon_step(const Tensor& u, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& p, Tensor* ema,
               Tensor* narrow) {
  if (control.data<float>()[Control::apply] == 0) return;
  const float lr = rates.data<float>()[Rate::lr], kept = rates.data<float>()[Rate::ema], decay = 1 - lr * weight_decay;
  const float* change = u.data<float>();
  float *value = p.data<float>(), *average = ema ? ema->data<float>() : nullptr;
  bfloat16* copy = narrow ? narrow->data<bfloat16>() : nullptr;
  const int64_t n = u.elements();
#pragma omp parallel for if (n > elements_at_once)
  for (int64_t i = 0; i < n; ++i) {
    const float updated = value[i] * decay - lr * change[i];
    value[i] = updated;
    if (average) average[i] = kept * average[i] + (1 - kept) * updated;
    if (copy) copy[i] = bfloat16(updated);
  }
}

}  // namespace

const Registration registration([] {
  kernels::muon_momentum.set(DeviceKind::cpu, muon_momentum);
  kernels::muon_step.set(DeviceKind::cpu, muon_step);
});

}  // namespace trm::cpu
