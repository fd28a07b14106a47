#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void adam(const char* op, bool atan2, const Tensor& g, const Tensor& control, const AdamSettings& s, Tensor& p,
          Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  Context& context = context_of(g);
  const auto define = [](const char* slot, int value) {
    return std::string(" -D") + slot + "=" + std::to_string(value);
  };
  const std::string options = define("ATAN2", atan2) + define("LR", Control::lr) + define("CLIP", Control::clip) +
                              define("APPLY", Control::apply) + define("BIAS1", Control::bias1) +
                              define("BIAS2", Control::bias2);
  const Kernel& kernel = context.programs->kernel(adam_cl, "adam", options);
  launch(context, op, kernel, over_elements(context, kernel, g.elements()), g, control, p, m, v, ema, narrow, s.beta1,
         s.beta2, s.weight_decay, s.eps, s.ema_rate, g.elements());
}

void adamw(const Tensor& g, const Tensor& control, const AdamSettings& settings, Tensor& p, Tensor& m, Tensor& v,
           Tensor* ema, Tensor* narrow) {
  adam("adamw", false, g, control, settings, p, m, v, ema, narrow);
}
void adam_atan2(const Tensor& g, const Tensor& control, const AdamSettings& settings, Tensor& p, Tensor& m, Tensor& v,
                Tensor* ema, Tensor* narrow) {
  adam("adam_atan2", true, g, control, settings, p, m, v, ema, narrow);
}

}  // namespace

const Registration registration([] {
  kernels::adamw.set(DeviceKind::accelerator, adamw);
  kernels::adam_atan2.set(DeviceKind::accelerator, adam_atan2);
});

}  // namespace trm::accelerator
