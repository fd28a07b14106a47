#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

std::string options(bool atan2) {
  const auto define = [](const char* slot, int value) {
    return std::string(" -D") + slot + "=" + std::to_string(value);
  };
  return define("ATAN2", atan2) + define("LR", Rate::lr) + define("EMA", Rate::ema) + define("CLIP", Control::clip) +
         define("APPLY", Control::apply) + define("BIAS1", Control::bias1) + define("BIAS2", Control::bias2);
}

void adam(const char* op, bool atan2, const Tensor& g, const Tensor& control, const Tensor& rates,
          const AdamSettings& s, Tensor& p, Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  Context& context = context_of(g);
  const Kernel& kernel = context.programs->kernel(adam_cl, "adam", options(atan2));
  launch(context, op, kernel, over_elements(context, kernel, g.elements()), g, control, rates, p, m, v, ema, narrow,
         s.beta1, s.beta2, s.weight_decay, s.eps, g.elements());
}

void adamw(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, Tensor& p,
           Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  adam("adamw", false, g, control, rates, settings, p, m, v, ema, narrow);
}
void adam_atan2(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, Tensor& p,
                Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  adam("adam_atan2", true, g, control, rates, settings, p, m, v, ema, narrow);
}

void ema_update(const Tensor& p, const Tensor& control, const Tensor& rates, Tensor* ema, Tensor* narrow) {
  Context& context = context_of(p);
  const Kernel& kernel = context.programs->kernel(adam_cl, "ema_update", options(false));
  launch(context, "ema_update", kernel, over_elements(context, kernel, p.elements()), p, control, rates, ema, narrow,
         p.elements());
}

}  // namespace

const Registration registration([] {
  kernels::adamw.set(DeviceKind::accelerator, adamw);
  kernels::adam_atan2.set(DeviceKind::accelerator, adam_atan2);
  kernels::ema_update.set(DeviceKind::accelerator, ema_update);
});

}  // namespace trm::accelerator
