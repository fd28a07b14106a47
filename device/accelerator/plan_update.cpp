#include <cmath>

#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const std::string& slots() {
  static const std::string text = [] {
    const auto define = [](const char* slot, int value) {
      return std::string(" -D") + slot + "=" + std::to_string(value);
    };
    return define("STEP", Counter::step) + define("ADAM_T", Counter::adam_t) + define("SKIPPED", Counter::skipped) +
           define("CLIP", Control::clip) + define("GRAD_NORM", Control::grad_norm) + define("APPLY", Control::apply) +
           define("BIAS1", Control::bias1) + define("BIAS2", Control::bias2);
  }();
  return text;
}

float log_of(float beta) { return static_cast<float>(std::log(static_cast<double>(beta))); }

void plan_update(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters,
                 Tensor& control) {
  Context& context = context_of(square);
  const Kernel& kernel = context.programs->kernel(plan_update_cl, "plan_update", slots());
  launch(context, "plan_update", kernel, {}, square, puzzle_square, counters, control, plan.grad_clip_norm,
         log_of(plan.beta1), log_of(plan.beta2), int32_t{plan.frozen});
}

}  // namespace

const Registration registration([] { kernels::plan_update.set(DeviceKind::accelerator, plan_update); });

}  // namespace trm::accelerator
