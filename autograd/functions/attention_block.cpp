#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {
namespace {

Variable cached_attention_block(const Variable& h, Parameter& qkv_proj, Parameter& o_proj, const AttentionContext& context, float eps) {
  require_no_gradient("attention_cached", {&h});
  Tensor qkv = ops::linear(h.value(), qkv_proj.weight);
  if (context.rope) ops::rope(qkv, *context.rope, context.heads, context.position);
  auto& [keys, values] = context.cache->layers.at(context.cache->next++);
  const Tensor out = ops::attention_cached(qkv.reshape({qkv.size(1), qkv.size(2)}), *context.position, context.heads, keys, values);
  return Variable(ops::linear_residual_rms_norm(out.reshape({1, out.size(0), out.size(1)}), o_proj.weight, h.value(), eps, nullptr));
}

}  // namespace

Variable attention_block(const Variable& h, Parameter& qkv_proj, Parameter& o_proj, const AttentionContext& context, float eps) {
  if (context.cache) return cached_attention_block(h, qkv_proj, o_proj, context, eps);
  Tape* tape = recording({&h}, qkv_proj.trained());
  Tensor qkv = ops::linear(h.value(), qkv_proj.weight);
  if (context.rope) ops::rope(qkv, *context.rope, context.heads);
  Tensor lse, rstd;
  const Tensor out = ops::attention(qkv, context.heads, context.causal, tape ? &lse : nullptr);
  const Tensor normed = ops::linear_residual_rms_norm(out, o_proj.weight, h.value(), eps, tape ? &rstd : nullptr);
  if (!tape) return Variable(normed);

  Variable y = Variable::leaf(normed);
  tape->record([h, qkv, out, lse, rstd, y, context, &qkv_proj, &o_proj] {
    if (!y.gradient()->defined()) return;
    Tensor ds = ops::rms_norm_backward(y.gradient()->take(), y.value(), rstd, false);
    if (o_proj.trained()) ops::linear_backward_weight(ds, out, o_proj.gradient);
    const Tensor dout = ops::linear_backward_input(ds, o_proj.weight);
    Tensor dqkv = ops::attention_backward(dout, qkv, out, lse, context.heads, context.causal);
    if (context.rope) ops::rope(dqkv, *context.rope, context.heads, nullptr, true);
    if (qkv_proj.trained()) ops::linear_backward_weight(dqkv, h.value(), qkv_proj.gradient);
    if (!h.requires_gradient()) return;
    ops::linear_backward_input_into(dqkv, qkv_proj.weight, ds);
    h.gradient()->accumulate(ds);
  });
  return y;
}

}  // namespace trm::functions
