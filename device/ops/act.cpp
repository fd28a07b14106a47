#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {

Tensor last_positions(const Tensor& tokens, int pad_id, int prefix) {
  check::shape("last_positions", "tokens", tokens, DType::int32, {tokens.size(0), tokens.size(-1)});
  Tensor positions = Tensor::empty({tokens.size(0)}, DType::int32, tokens.device());
  kernels::last_positions(tokens, pad_id, prefix, positions);
  return positions;
}

Tensor q_head(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions) {
  check::activation("q_head", "z", z, 3);
  check::shape("q_head", "w", w, DType::float32, {2, z.size(2)});
  check::shape("q_head", "bias", bias, DType::float32, {2});
  if (positions) check::shape("q_head", "positions", *positions, DType::int32, {z.size(0)});
  Tensor q = Tensor::empty({z.size(0), 2}, DType::float32, z.device());
  kernels::q_head(z, w, bias, positions, q);
  return q;
}

void q_head_backward(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions, Tensor& dz, Tensor& dw, Tensor& dbias) {
  const char* op = "q_head_backward";
  check::activation(op, "z", z, 3);
  check::shape(op, "dq", dq, DType::float32, {z.size(0), 2});
  check::shape(op, "w", w, DType::float32, {2, z.size(2)});
  check::shape(op, "dz", dz, z.dtype(), z.shape());
  check::shape(op, "dw", dw, DType::float32, w.shape());
  check::shape(op, "dbias", dbias, DType::float32, {2});
  if (positions) check::shape(op, "positions", *positions, DType::int32, {z.size(0)});
  kernels::q_head_backward(dq, z, w, positions, dz, dw, dbias);
}

void reset_rows(const Tensor& halted, const Tensor& init, Tensor& z) {
  check::activation("reset_rows", "z", z, 3);
  check::shape("reset_rows", "halted", halted, DType::boolean, {z.size(0)});
  check::shape("reset_rows", "init", init, z.dtype(), {z.size(2)});
  kernels::reset_rows(halted, init, z);
}

void select_rows(const Tensor& halted, const Tensor& incoming, Tensor& current) {
  check::shape("select_rows", "halted", halted, DType::boolean, {current.size(0)});
  check::shape("select_rows", "incoming", incoming, current.dtype(), current.shape());
  kernels::select_rows(halted, incoming, current);
}

void act_halt(const Tensor& q, const HaltingRule& rule, Tensor& counters, Tensor& steps, Tensor& halted) {
  check::shape("act_halt", "q", q, DType::float32, {steps.size(0), 2});
  check::shape("act_halt", "counters", counters, DType::int64, {Counter::count});
  check::shape("act_halt", "steps", steps, DType::int32, {q.size(0)});
  check::shape("act_halt", "halted", halted, DType::boolean, {q.size(0)});
  kernels::act_halt(q, rule, counters, steps, halted);
}

Tensor q_continue_target(const Tensor& next_q, const Tensor& steps, int halt_max_steps) {
  check::shape("q_continue_target", "next_q", next_q, DType::float32, {steps.size(0), 2});
  Tensor target = Tensor::empty({steps.size(0)}, DType::float32, steps.device());
  kernels::q_continue_target(next_q, steps, halt_max_steps, target);
  return target;
}

Tensor act_loss(const Tensor& q, const Tensor* target, const CrossEntropy& tokens, const Tensor& labels, const Tensor& counts, const Tensor& steps,
                const Tensor& halted, float q_scale, Tensor& metrics) {
  const char* op = "act_loss";
  const int64_t B = labels.size(0);
  check::shape(op, "q", q, DType::float32, {B, 2});
  if (target) check::shape(op, "target", *target, DType::float32, {B});
  check::shape(op, "loss", tokens.loss, DType::float32, labels.shape());
  check::shape(op, "preds", tokens.preds, DType::int32, labels.shape());
  check::shape(op, "counts", counts, DType::int32, {B});
  check::shape(op, "steps", steps, DType::int32, {B});
  check::shape(op, "halted", halted, DType::boolean, {B});
  check::shape(op, "metrics", metrics, DType::float32, {Metric::count});
  Tensor dq = Tensor::empty({B, 2}, DType::float32, q.device());
  kernels::act_loss(q, target, tokens.loss, tokens.preds, labels, counts, steps, halted, q_scale, dq, metrics);
  return dq;
}

}  // namespace trm::ops
