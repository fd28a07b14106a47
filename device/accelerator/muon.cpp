#include "device/accelerator/launch.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) {
  const auto define = [](const char* slot, int value) {
    return std::string(" -D") + slot + "=" + std::to_string(value);
  };
  return context.programs->kernel(muon_cl, name,
                                  define("LR", Rate::lr) + define("EMA", Rate::ema) + define("CLIP", Control::clip) +
                                      define("APPLY", Control::apply));
}

void muon_momentum(const Tensor& g, const Tensor& control, float momentum, Tensor& buffer, Tensor& u) {
  Context& context = context_of(g);
  const Kernel& kernel = kernel_of(context, "muon_momentum");
  launch(context, "muon_momentum", kernel, over_elements(context, kernel, g.elements()), g, control, momentum, buffer,
         u, g.elements());
}

void muon_step(const Tensor& u, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& p, Tensor* ema,
               Tensor* narrow) {
  Context& context = context_of(u);
  const Kernel& kernel = kernel_of(context, "muon_step");
  launch(context, "muon_step", kernel, over_elements(context, kernel, u.elements()), u, control, rates, weight_decay, p,
         ema, narrow, u.elements());
}

}  // namespace

const Registration registration([] {
  kernels::muon_momentum.set(DeviceKind::accelerator, muon_momentum);
  kernels::muon_step.set(DeviceKind::accelerator, muon_step);
});

}  // namespace trm::accelerator
