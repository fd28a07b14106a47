#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

void act_loss(const Variable& q, const ActLossInputs& in, float scale, Tensor& metrics) {
  const Tensor* target = in.target_q_continue ? &in.target_q_continue : nullptr;
  Tensor dq = ops::act_loss(q.value(), target, in.tokens, in.labels, in.counts, in.steps, in.halted, scale, metrics);
  if (Tape* tape = recording({&q})) tape->record([into = q.gradient(), dq]() mutable { into->give(std::move(dq)); });
}

}  // namespace trm::functions
