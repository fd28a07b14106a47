#include <algorithm>
#include <cmath>

#include "device/cpu/adam_loops.h"
#include "device/cpu/chunks.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t elements_at_once = 1 << 14;

void update(AdamLoops::Update* loop, const Tensor& g, const Tensor& control, const Tensor& rates,
            const AdamSettings& adam, Tensor& p, Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  const float* plan = control.data<float>();
  const float lr = rates.data<float>()[Rate::lr];
  if (plan[Control::apply] == 0) return;
  const AdamStep step{plan[Control::clip],
                      1 - lr * adam.weight_decay,
                      lr / plan[Control::bias1],
                      std::sqrt(plan[Control::bias2]),
                      adam.beta1,
                      adam.beta2,
                      adam.eps,
                      rates.data<float>()[Rate::ema]};
  const int64_t n = g.elements();
#pragma omp parallel for if (n > elements_at_once)
  for (int64_t first = 0; first < n; first += elements_at_once)
    loop(step, g.data<float>() + first, std::min(elements_at_once, n - first), p.data<float>() + first,
         m.data<float>() + first, v.data<float>() + first, ema ? ema->data<float>() + first : nullptr,
         narrow ? reinterpret_cast<uint16_t*>(narrow->data<bfloat16>()) + first : nullptr);
}

void adamw(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& adam, Tensor& p, Tensor& m,
           Tensor& v, Tensor* ema, Tensor* narrow) {
  update(adam_loops().adamw, g, control, rates, adam, p, m, v, ema, narrow);
}

void adam_atan2(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& adam, Tensor& p,
                Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  update(adam_loops().adam_atan2, g, control, rates, adam, p, m, v, ema, narrow);
}

}  // namespace

const Registration registration([] {
  kernels::adamw.set(DeviceKind::cpu, adamw);
  kernels::adam_atan2.set(DeviceKind::cpu, adam_atan2);
});

}  // namespace trm::cpu
