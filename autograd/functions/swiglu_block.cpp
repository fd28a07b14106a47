#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {
namespace {

/// Where the device recomputes the hidden in the backward: only h, y and rstd are kept.
Variable recomputed_block(const Variable& h, Tensor normed, Tensor rstd, Tape& tape, Parameter& gate_up_proj, Parameter& down_proj) {
  Variable y = Variable::leaf(std::move(normed));
  tape.record([h, rstd, y, &gate_up_proj, &down_proj] {
    if (!y.gradient()->defined()) return;
    Tensor ds = ops::rms_norm_backward(y.gradient()->take(), y.value(), rstd, true);
    ops::swiglu_block_backward(ds, h.value(), gate_up_proj.weight, down_proj.weight, gate_up_proj.trained() ? &gate_up_proj.gradient : nullptr,
                               down_proj.trained() ? &down_proj.gradient : nullptr);
    if (h.requires_gradient()) h.gradient()->accumulate(ds);
  });
  return y;
}

}  // namespace

Variable swiglu_block(const Variable& h, Parameter& gate_up_proj, Parameter& down_proj, float eps) {
  Tape* tape = recording({&h}, gate_up_proj.trained());
  if (!tape) return Variable(ops::swiglu_block(h.value(), gate_up_proj.weight, down_proj.weight, eps));

  const bool token = gate_up_proj.weight.token;
  Tensor gate_up, rstd;
  if (Tensor normed = ops::swiglu_block_forward(h.value(), gate_up_proj.weight, down_proj.weight, eps, rstd))
    return recomputed_block(h, std::move(normed), rstd, *tape, gate_up_proj, down_proj);
  const Tensor hidden = ops::linear_swiglu(h.value(), gate_up_proj.weight, &gate_up);
  Variable y = Variable::leaf(ops::linear_residual_rms_norm(hidden, down_proj.weight, h.value(), eps, &rstd));
  tape->record([h, gate_up, rstd, y, token, &gate_up_proj, &down_proj] {
    if (!y.gradient()->defined()) return;
    // s = h + down(hidden): ds reaches h directly and through the projections
    Tensor ds = ops::rms_norm_backward(y.gradient()->take(), y.value(), rstd, token);
    const ops::SwigluGradient g = ops::linear_swiglu_backward(ds, down_proj.weight, gate_up);
    if (down_proj.trained()) {
      if (token) ops::token_linear_backward_weight(ds, g.h, down_proj.gradient);
      else ops::linear_backward_weight(ds, g.h, down_proj.gradient);
    }
    if (gate_up_proj.trained()) {
      if (token) ops::token_linear_backward_weight(g.d_gate_up, h.value(), gate_up_proj.gradient);
      else ops::linear_backward_weight(g.d_gate_up, h.value(), gate_up_proj.gradient);
    }
    if (!h.requires_gradient()) return;
    if (token) ops::token_linear_backward_input_into(g.d_gate_up, gate_up_proj.weight, ds);
    else ops::linear_backward_input_into(g.d_gate_up, gate_up_proj.weight, ds);
    h.gradient()->accumulate(ds);
  });
  return y;
}

}  // namespace trm::functions
