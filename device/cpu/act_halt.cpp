#include <algorithm>
#include <cmath>

#include "device/kernels.h"
#include "device/random.h"

namespace trm::cpu {
namespace {

/// The step from which row `b` may halt by itself: 0, or with exploration_prob one of 2 ... halt_max_steps.
int32_t minimal_steps(const HaltingRule& rule, uint64_t random_step, int64_t b) {
  const auto row = static_cast<uint32_t>(rule.first_row + b);
  const auto bits = random_numbers(rule.seed, RandomPurpose::halting, random_step, row);
  if (!(uniform(bits[0]) < rule.exploration_prob)) return 0;
  return static_cast<int32_t>(bits[1] % static_cast<uint32_t>(rule.halt_max_steps - 1)) + 2;
}

void act_halt(const Tensor& q, HaltingRule rule, Tensor& counters, Tensor& steps, Tensor& halted) {
  int64_t& random_step = counters.data<int64_t>()[Counter::random_step];
  const bool may_halt_early = rule.training && rule.halt_max_steps > 1;
  for (int64_t b = 0; b < q.size(0); ++b) {
    int32_t& step = steps.data<int32_t>()[b];
    uint8_t& halt = halted.data<uint8_t>()[b];
    const float stop = q.data<float>()[2 * b], go_on = q.data<float>()[2 * b + 1];
    step = (halt ? 0 : step) + 1;
    halt = step >= rule.halt_max_steps;
    if (!may_halt_early) continue;
    halt |= rule.compare_with_continue ? stop > go_on : stop > 0;
    halt &= step >= minimal_steps(rule, static_cast<uint64_t>(random_step), b);
  }
  if (may_halt_early) ++random_step;
}

void q_continue_target(const Tensor& next_q, const Tensor& steps, int halt_max_steps, Tensor& target) {
  for (int64_t b = 0; b < next_q.size(0); ++b) {
    const float stop = next_q.data<float>()[2 * b], go_on = next_q.data<float>()[2 * b + 1];
    const float logit = steps.data<int32_t>()[b] >= halt_max_steps ? stop : std::max(stop, go_on);
    target.data<float>()[b] = 1 / (1 + std::exp(-logit));
  }
}

}  // namespace

const Registration registration([] {
  kernels::act_halt.set(DeviceKind::cpu, act_halt);
  kernels::q_continue_target.set(DeviceKind::cpu, q_continue_target);
});

}  // namespace trm::cpu
