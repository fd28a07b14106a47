#include <cmath>

#include "device/cpu/groups.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// m, v, then p by `step(m, v)`, then the moving average and the bfloat16 copy, in one pass.
template <class Step>
void update(const Tensor& g, const Tensor& control, const AdamSettings& adam, Tensor& p, Tensor& m, Tensor& v,
            Tensor* ema, Tensor* narrow, Step step) {
  const float* plan = control.data<float>();
  if (plan[Control::apply] == 0) return;
  const int64_t n = g.elements();
  const float clip = plan[Control::clip], decay = 1 - plan[Control::lr] * adam.weight_decay, beta1 = adam.beta1,
              beta2 = adam.beta2, rate = adam.ema_rate;
  const float* gradient = g.data<float>();
  float *parameter = p.data<float>(), *mean = m.data<float>(), *square = v.data<float>();
  float* average = ema ? ema->data<float>() : nullptr;
  bfloat16* copy = narrow ? narrow->data<bfloat16>() : nullptr;
#pragma omp parallel for if (n > 1 << 14)
  for (int64_t i = 0; i < n; ++i) {
    const float x = gradient[i] * clip;
    mean[i] += (1 - beta1) * (x - mean[i]);
    square[i] = beta2 * square[i] + (1 - beta2) * x * x;
    const float updated = parameter[i] * decay - step(mean[i], square[i]);
    parameter[i] = updated;
    if (average) average[i] = rate * average[i] + (1 - rate) * updated;
    if (copy) copy[i] = bfloat16(updated);
  }
}

void adamw(const Tensor& g, const Tensor& control, const AdamSettings& adam, Tensor& p, Tensor& m, Tensor& v,
           Tensor* ema, Tensor* narrow) {
  const float* plan = control.data<float>();
  const float rate = plan[Control::lr] / plan[Control::bias1], root = std::sqrt(plan[Control::bias2]), eps = adam.eps;
  update(g, control, adam, p, m, v, ema, narrow,
         [=](float mean, float square) { return rate * mean / (std::sqrt(square) / root + eps); });
}

void adam_atan2(const Tensor& g, const Tensor& control, const AdamSettings& adam, Tensor& p, Tensor& m, Tensor& v,
                Tensor* ema, Tensor* narrow) {
  const float* plan = control.data<float>();
  const float rate = plan[Control::lr] / plan[Control::bias1], root = std::sqrt(plan[Control::bias2]);
  update(g, control, adam, p, m, v, ema, narrow,
         [=](float mean, float square) { return rate * std::atan2(mean, std::sqrt(square) / root); });
}

}  // namespace

void register_adam() {
  kernels::adamw.set(DeviceKind::cpu, adamw);
  kernels::adam_atan2.set(DeviceKind::cpu, adam_atan2);
}

}  // namespace trm::cpu
