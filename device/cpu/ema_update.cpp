#include "device/kernels.h"

namespace trm::cpu {
namespace {

void ema_update(const Tensor& p, const Tensor& control, const Tensor& rates, Tensor* ema, Tensor* narrow) {
  if (control.data<float>()[Control::apply] == 0) return;
  const float kept = rates.data<float>()[Rate::ema];
  const float* from = p.data<float>();
  float* average = ema ? ema->data<float>() : nullptr;
  bfloat16* copy = narrow ? narrow->data<bfloat16>() : nullptr;
  const int64_t n = p.elements();
#pragma omp parallel for if (n > 1 << 14)
  for (int64_t i = 0; i < n; ++i) {
    if (average) average[i] = kept * average[i] + (1 - kept) * from[i];
    if (copy) copy[i] = bfloat16(from[i]);
  }
}

}  // namespace

const Registration registration([] { kernels::ema_update.set(DeviceKind::cpu, ema_update); });

}  // namespace trm::cpu
