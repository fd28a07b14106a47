#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {

void sum_of_squares(const Tensor& x, Tensor& out) {
  check::shape("sum_of_squares", "x", x, DType::float32, x.shape());
  check::shape("sum_of_squares", "out", out, DType::float32, {1});
  kernels::sum_of_squares(x, out);
}

void plan_update(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters, Tensor& control) {
  check::shape("plan_update", "square", square, DType::float32, {1});
  if (puzzle_square) check::shape("plan_update", "puzzle_square", *puzzle_square, DType::float32, {1});
  check::shape("plan_update", "counters", counters, DType::int64, {Counter::count});
  check::shape("plan_update", "control", control, DType::float32, {Control::count});
  kernels::plan_update(plan, square, puzzle_square, counters, control);
}

namespace {

void check_plan(const char* op, const Tensor& control, const Tensor& rates) {
  check::shape(op, "control", control, DType::float32, {Control::count});
  check::shape(op, "rates", rates, DType::float32, {Rate::count});
}

template <class Kernel>
void adam(const char* op, const Kernel& kernel, const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, AdamState& state) {
  const Shape n{g.elements()};
  check_plan(op, control, rates);
  check::shape(op, "g", g, DType::float32, n);
  check::shape(op, "p", state.p, DType::float32, n);
  check::shape(op, "m", state.m, DType::float32, n);
  check::shape(op, "v", state.v, DType::float32, n);
  if (state.ema) check::shape(op, "ema", state.ema, DType::float32, n);
  if (state.narrow) check::shape(op, "narrow", state.narrow, DType::bfloat16, n);
  kernel(g, control, rates, settings, state.p, state.m, state.v, state.ema ? &state.ema : nullptr, state.narrow ? &state.narrow : nullptr);
}

}  // namespace

void adamw(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, AdamState& state) {
  adam("adamw", kernels::adamw, g, control, rates, settings, state);
}

void adam_atan2(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, AdamState& state) {
  adam("adam_atan2", kernels::adam_atan2, g, control, rates, settings, state);
}

void ema_update(const Tensor& p, const Tensor& control, const Tensor& rates, Tensor& ema, Tensor& narrow) {
  const Shape n{p.elements()};
  check_plan("ema_update", control, rates);
  check::shape("ema_update", "p", p, DType::float32, n);
  if (ema) check::shape("ema_update", "ema", ema, DType::float32, n);
  if (narrow) check::shape("ema_update", "narrow", narrow, DType::bfloat16, n);
  if (ema || narrow) kernels::ema_update(p, control, rates, ema ? &ema : nullptr, narrow ? &narrow : nullptr);
}

void muon_momentum(const Tensor& g, const Tensor& control, float momentum, Tensor& buffer, Tensor& u) {
  const Shape n{g.elements()};
  check::shape("muon_momentum", "g", g, DType::float32, n);
  check::shape("muon_momentum", "control", control, DType::float32, {Control::count});
  check::shape("muon_momentum", "buffer", buffer, DType::float32, n);
  check::shape("muon_momentum", "u", u, DType::float32, n);
  kernels::muon_momentum(g, control, momentum, buffer, u);
}

void newton_schulz(const Tensor& offsets, int64_t rows, int64_t columns, const NewtonSchulz& iteration, float scale, Tensor& u) {
  check::shape("newton_schulz", "offsets", offsets, DType::int64, {offsets.elements()});
  check::shape("newton_schulz", "u", u, DType::float32, {u.elements()});
  if (offsets.elements() * rows * columns > u.elements())
    throw DeviceError("newton_schulz: " + std::to_string(offsets.elements()) + " matrices " + to_string(Shape{rows, columns}) + " are more than u " +
                      to_string(u.shape()) + " holds");
  kernels::newton_schulz(offsets, rows, columns, iteration, scale, u);
}

void muon_step(const Tensor& u, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& p, Tensor& ema, Tensor& narrow) {
  const Shape n{u.elements()};
  check_plan("muon_step", control, rates);
  check::shape("muon_step", "u", u, DType::float32, n);
  check::shape("muon_step", "p", p, DType::float32, n);
  if (ema) check::shape("muon_step", "ema", ema, DType::float32, n);
  if (narrow) check::shape("muon_step", "narrow", narrow, DType::bfloat16, n);
  kernels::muon_step(u, control, rates, weight_decay, p, ema ? &ema : nullptr, narrow ? &narrow : nullptr);
}

void sign_sgd(const Tensor& rows, const Tensor& ids, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& table) {
  check::shape("sign_sgd", "rows", rows, DType::float32, {ids.elements(), table.size(-1)});
  check::shape("sign_sgd", "ids", ids, DType::int32, {ids.elements()});
  check_plan("sign_sgd", control, rates);
  check::shape("sign_sgd", "table", table, DType::float32, {table.size(0), rows.size(1)});
  kernels::sign_sgd(rows, ids, control, rates, weight_decay, table);
}

}  // namespace trm::ops
