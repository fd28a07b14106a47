#include <algorithm>
#include <cmath>

#include "device/kernels.h"

namespace trm::cpu {
namespace {

void plan_update(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters,
                 Tensor& control) {
  int64_t* counter = counters.data<int64_t>();
  float* to = control.data<float>();
  const float dense = *square.data<float>(), puzzle = puzzle_square ? *puzzle_square->data<float>() : 0;
  const bool apply = std::isfinite(dense) && std::isfinite(puzzle);
  ++counter[Counter::step];
  if (!apply) ++counter[Counter::skipped];
  if (apply && !plan.frozen) ++counter[Counter::adam_t];
  const double norm = std::sqrt(static_cast<double>(dense));
  const double t = static_cast<double>(std::max<int64_t>(counter[Counter::adam_t], 1));
  to[Control::clip] =
      plan.grad_clip_norm > 0 ? static_cast<float>(std::min(1.0, plan.grad_clip_norm / (norm + 1e-6))) : 1.0f;
  to[Control::grad_norm] = static_cast<float>(norm);
  to[Control::apply] = apply ? 1.0f : 0.0f;
  to[Control::bias1] = static_cast<float>(1 - std::pow(static_cast<double>(plan.beta1), t));
  to[Control::bias2] = static_cast<float>(1 - std::pow(static_cast<double>(plan.beta2), t));
}

}  // namespace

const Registration registration([] { kernels::plan_update.set(DeviceKind::cpu, plan_update); });

}  // namespace trm::cpu
