#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) {
  static const std::string slots = [] {
    const auto define = [](const char* slot, int value) {
      return std::string(" -D") + slot + "=" + std::to_string(value);
    };
    return define("METRICS", Metric::count) + define("ROWS", Metric::rows) + define("ACCURACY", Metric::accuracy) +
           define("EXACT_ACCURACY", Metric::exact_accuracy) + define("Q_HALT_ACCURACY", Metric::q_halt_accuracy) +
           define("STEPS", Metric::steps) + define("LM_LOSS", Metric::lm_loss) +
           define("Q_HALT_LOSS", Metric::q_halt_loss) + define("Q_CONTINUE_LOSS", Metric::q_continue_loss) +
           define("VALID_TOKENS", Metric::valid_tokens) + define("COUNTED_Q_HALT_LOSS", Metric::counted_q_halt_loss) +
           define("COUNTED_Q_CONTINUE_LOSS", Metric::counted_q_continue_loss);
  }();
  return context.programs->kernel(act_loss_cl, name, slots);
}

void act_loss(const Tensor& q, const Tensor* target, const Tensor& loss, const Tensor& preds, const Tensor& labels,
              const Tensor& counts, const Tensor& steps, const Tensor& halted, float q_scale, Tensor& dq,
              Tensor& metrics) {
  const int64_t B = labels.size(0), S = labels.size(1);
  if (B == 0) return;
  Context& context = context_of(q);
  const Tensor rows = Tensor::empty({B, Metric::count}, DType::float32, q.device());
  const Kernel &of_rows = kernel_of(context, "act_loss_rows"), &sum = kernel_of(context, "sum_metrics");
  const RowGrid grid = over_rows(context, of_rows, B, S), sum_grid = over_rows(context, sum, Metric::count, B);
  launch(context, "act_loss", of_rows, grid.grid, q, target, loss, preds, labels, counts, steps, halted, q_scale, dq,
         rows, B, S, grid.scratch());
  launch(context, "act_loss", sum, sum_grid.grid, rows, metrics, B, sum_grid.scratch());
}

}  // namespace

const Registration registration([] { kernels::act_loss.set(DeviceKind::accelerator, act_loss); });

}  // namespace trm::accelerator
