#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"
#include "device/random.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) { return context.programs->kernel(act_cl, name); }

void last_positions(const Tensor& tokens, int pad_id, int prefix, Tensor& positions) {
  Context& context = context_of(tokens);
  const Kernel& kernel = kernel_of(context, "last_positions");
  const RowGrid grid = over_rows(context, kernel, tokens.size(0), tokens.size(1));
  launch(context, "last_positions", kernel, grid.grid, tokens, pad_id, prefix, positions, tokens.size(0),
         tokens.size(1), grid.scratch());
}

void act_halt(const Tensor& q, HaltingRule rule, Tensor& counters, Tensor& steps, Tensor& halted) {
  Context& context = context_of(q);
  const bool early = rule.training && rule.halt_max_steps > 1;
  const Kernel& kernel = kernel_of(context, "act_halt");
  launch(context, "act_halt", kernel, over_elements(context, kernel, q.size(0)), q, counters, steps, halted, q.size(0),
         int32_t{rule.halt_max_steps}, int32_t{early}, int32_t{rule.compare_with_continue}, rule.exploration_prob,
         rule.seed, static_cast<uint32_t>(rule.first_row), static_cast<uint32_t>(RandomPurpose::halting),
         int32_t{Counter::random_step});
  if (early) launch(context, "act_halt", kernel_of(context, "advance"), {}, counters, int32_t{Counter::random_step});
}

void q_continue_target(const Tensor& next_q, const Tensor& steps, int halt_max_steps, Tensor& target) {
  Context& context = context_of(next_q);
  const Kernel& kernel = kernel_of(context, "q_continue_target");
  launch(context, "q_continue_target", kernel, over_elements(context, kernel, next_q.size(0)), next_q, steps,
         int32_t{halt_max_steps}, target, next_q.size(0));
}

}  // namespace

const Registration registration([] {
  kernels::last_positions.set(DeviceKind::accelerator, last_positions);
  kernels::act_halt.set(DeviceKind::accelerator, act_halt);
  kernels::q_continue_target.set(DeviceKind::accelerator, q_continue_target);
});

}  // namespace trm::accelerator
