// last_positions, act_halt, q_continue_target: a thread or a warp a row.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"
#include "device/random.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256, rows_per_block = 8;

__global__ void last_positions_kernel(const int32_t* tokens, int pad_id, int prefix, int32_t* positions, int64_t B,
                                      int64_t S) {
  const int64_t b = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size;
  if (b >= B) return;
  int32_t last = 0;
  for (int64_t s = threadIdx.x % warp_size; s < S; s += warp_size)
    if (tokens[b * S + s] != pad_id) last = static_cast<int32_t>(s);
  last = __reduce_max_sync(all_lanes, last);
  if (threadIdx.x % warp_size == 0) positions[b] = prefix + last;
}

/// The step from which row `b` may halt by itself: 0, or with exploration_prob one of 2 ... halt_max_steps.
__device__ int32_t minimal_steps(const HaltingRule& rule, int64_t random_step, int64_t b) {
  const auto row = static_cast<uint32_t>(rule.first_row + b);
  const auto bits = random_numbers(rule.seed, RandomPurpose::halting, static_cast<uint64_t>(random_step), row);
  if (!(uniform(bits[0]) < rule.exploration_prob)) return 0;
  return static_cast<int32_t>(bits[1] % static_cast<uint32_t>(rule.halt_max_steps - 1)) + 2;
}

__global__ void act_halt_kernel(const float* q, HaltingRule rule, const int64_t* counters, int32_t* steps,
                                uint8_t* halted, int64_t B) {
  const int64_t b = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (b >= B) return;
  const int32_t step = (halted[b] ? 0 : steps[b]) + 1;
  bool halt = step >= rule.halt_max_steps;
  if (rule.training && rule.halt_max_steps > 1) {
    halt = halt || (rule.compare_with_continue ? q[2 * b] > q[2 * b + 1] : q[2 * b] > 0);
    halt = halt && step >= minimal_steps(rule, counters[Counter::random_step], b);
  }
  steps[b] = step;
  halted[b] = halt;
}

__global__ void advance_kernel(int64_t* counters) { ++counters[Counter::random_step]; }

__global__ void target_kernel(const float* next_q, const int32_t* steps, int halt_max_steps, float* target, int64_t B) {
  const int64_t b = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (b >= B) return;
  const float stop = next_q[2 * b], go_on = next_q[2 * b + 1],
              logit = steps[b] >= halt_max_steps ? stop : fmaxf(stop, go_on);
  target[b] = 1.0f / (1.0f + expf(-logit));
}

void last_positions(const Tensor& tokens, int pad_id, int prefix, Tensor& positions) {
  const int64_t B = tokens.size(0);
  if (B == 0) return;
  last_positions_kernel<<<blocks_for(B, rows_per_block), rows_per_block * warp_size, 0, context_of(tokens).stream>>>(
      elements<int32_t>(tokens), pad_id, prefix, elements<int32_t>(positions), B, tokens.size(1));
  launched("last_positions");
}

void act_halt(const Tensor& q, HaltingRule rule, Tensor& counters, Tensor& steps, Tensor& halted) {
  const int64_t B = q.size(0);
  Context& context = context_of(q);
  if (B > 0)
    act_halt_kernel<<<blocks_for(B, threads), threads, 0, context.stream>>>(
        elements<float>(q), rule, elements<int64_t>(counters), elements<int32_t>(steps), elements<uint8_t>(halted), B);
  if (rule.training && rule.halt_max_steps > 1)
    advance_kernel<<<1, 1, 0, context.stream>>>(elements<int64_t>(counters));
  launched("act_halt");
}

void q_continue_target(const Tensor& next_q, const Tensor& steps, int halt_max_steps, Tensor& target) {
  const int64_t B = next_q.size(0);
  if (B == 0) return;
  target_kernel<<<blocks_for(B, threads), threads, 0, context_of(next_q).stream>>>(
      elements<float>(next_q), elements<int32_t>(steps), halt_max_steps, elements<float>(target), B);
  launched("q_continue_target");
}

}  // namespace

const Registration registration([] {
  kernels::last_positions.set(DeviceKind::cuda, last_positions);
  kernels::act_halt.set(DeviceKind::cuda, act_halt);
  kernels::q_continue_target.set(DeviceKind::cuda, q_continue_target);
});

}  // namespace trm::cuda
