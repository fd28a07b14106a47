#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {
Variable attention_block(const Variable& h, Parameter& qkv_proj, Parameter& o_proj, const AttentionSettings& settings, float eps) {
  Tape* tape = recording({&h}, qkv_proj.trained());
  const Tensor qkv =
      settings.rope ? ops::linear_rope(h.value(), qkv_proj.weight, *settings.rope, settings.heads) : ops::linear(h.value(), qkv_proj.weight);
  Tensor lse, rstd;
  const Tensor out = ops::attention(qkv, settings.heads, settings.causal, tape ? &lse : nullptr);
  const Tensor normed = ops::linear_residual_rms_norm(out, o_proj.weight, h.value(), eps, tape ? &rstd : nullptr);
  if (!tape) return Variable(normed);

  Variable y = Variable::leaf(normed);
  tape->record([h, qkv, out, lse, rstd, y, settings, &qkv_proj, &o_proj] {
    if (!y.gradient()->defined()) return;
    Tensor ds = ops::rms_norm_backward(y.gradient()->take(), y.value(), rstd, false);
    if (o_proj.trained()) ops::linear_backward_weight(ds, out, o_proj.gradient);
    const Tensor dout = ops::linear_backward_input(ds, o_proj.weight);
    const Tensor dqkv = ops::attention_backward(dout, qkv, out, lse, settings.heads, settings.causal, settings.rope);
    if (qkv_proj.trained()) ops::linear_backward_weight(dqkv, h.value(), qkv_proj.gradient);
    if (!h.requires_gradient()) return;
    ops::linear_backward_input_into(dqkv, qkv_proj.weight, ds);
    h.gradient()->accumulate(ds);
  });
  return y;
}

}  // namespace trm::functions
