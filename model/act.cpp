#include "model/act.h"

#include "autograd/tape.h"
#include "device/ops.h"

namespace trm {
namespace {

void take_incoming(const Model& model, Carry& carry, const DeviceBatch& incoming) {
  for (size_t i = 0; i < carry.latents.size(); ++i) ops::reset_rows(carry.halted, model.initial_latents()[i], carry.latents[i]);
  ops::select_rows(carry.halted, incoming.inputs, carry.data.inputs);
  ops::select_rows(carry.halted, incoming.labels, carry.data.labels);
  ops::select_rows(carry.halted, incoming.puzzle_identifiers, carry.data.puzzle_identifiers);
}

std::vector<Variable> constants(const std::vector<Tensor>& tensors) { return {tensors.begin(), tensors.end()}; }

/// One more forward pass without gradient from the new latents tells what continuing would be worth.
Tensor continue_target(const Model& model, const ModelOutput& out, const Carry& carry, const Variable* rows) {
  const NoGradient off;
  std::vector<Variable> latents;
  for (const Variable& z : out.latents) latents.push_back(z.detach());
  const ModelOutput next = model.forward(std::move(latents), carry.data.inputs, rows);
  return ops::q_continue_target(next.q, carry.steps, model.config().halt_max_steps);
}

struct HeadLoss {
  ops::CrossEntropy tokens;
  Tensor logits;
  Tensor dz;  // gradient at the tokens' positions [B, S, D], where there is one
};

HeadLoss head_loss(const Model& model, const Tensor& z, const Tensor& labels, const Tensor& scale, const StepOptions& options) {
  const ModelConfig& c = model.config();
  Parameter& head = model.lm_head();
  const Tensor tokens = ops::drop_positions(z, c.prefix());
  HeadLoss result;
  if (!options.keep_logits) {
    Tensor scratch;
    Tensor* dw = nullptr;
    if (options.training) dw = head.trained() ? &head.gradient : &(scratch = Tensor::zeros(head.shape, DType::float32, z.device()));
    result.tokens = ops::linear_cross_entropy(tokens, head.weight, labels, scale, c.loss, options.training ? &result.dz : nullptr, dw);
    return result;
  }
  result.logits = ops::linear(tokens, head.weight);
  result.tokens = ops::cross_entropy(result.logits, labels, c.loss);
  if (!options.training) return result;
  Tensor dlogits = Tensor::empty(result.logits.shape(), result.logits.dtype(), z.device());
  dlogits.copy_from(result.logits);
  ops::cross_entropy_backward(dlogits, labels, result.tokens.normalizer, scale, c.loss);
  if (head.trained()) ops::linear_backward_weight(dlogits, tokens, head.gradient);
  result.dz = ops::linear_backward_input(dlogits, head.weight);
  return result;
}

}  // namespace

StepResult supervision_step(const Model& model, Carry& carry, const DeviceBatch& incoming, Tensor& counters, const StepOptions& options, Tensor& metrics) {
  const ModelConfig& c = model.config();
  take_incoming(model, carry, incoming);

  Tape tape;
  std::optional<TapeScope> taping;
  if (options.training) taping.emplace(tape);
  std::optional<Variable> rows;
  if (c.puzzle_emb_ndim > 0) {
    const Tensor values = ops::gather_rows(model.puzzle_table(), carry.data.puzzle_identifiers);
    rows = options.training ? Variable::leaf(values) : Variable(values);
  }
  const Variable* puzzle = rows ? &*rows : nullptr;
  ModelOutput out = model.forward(constants(carry.latents), carry.data.inputs, puzzle);

  const HaltingRule rule{c.halt_max_steps, options.training, c.compare_with_continue(), c.halt_exploration_prob, options.seed, options.first_row};
  ops::act_halt(out.q, rule, counters, carry.steps, carry.halted);
  StepResult result;
  if (!options.heads) {
    for (size_t i = 0; i < carry.latents.size(); ++i) carry.latents[i].copy_from(out.latents[i].value());
    result.q = out.q;
    return result;
  }
  if (c.continue_loss()) result.target_q_continue = continue_target(model, out, carry, puzzle);

  const Variable z = out.latents[model.recursion().output()];
  const auto labels = ops::label_counts(carry.data.labels, options.grad_scale);
  HeadLoss head = head_loss(model, z.value(), carry.data.labels, labels.scale, options);
  const Tensor* target = result.target_q_continue ? &result.target_q_continue : nullptr;
  const Tensor dq = ops::act_loss(out.q, target, head.tokens, carry.data.labels, labels.counts, carry.steps, carry.halted, options.grad_scale, metrics);

  if (options.training) {
    Tensor dz = ops::drop_positions_backward(head.dz, c.prefix());
    Tensor scratch_w, scratch_b;
    const bool trained = model.q_weight().trained();
    Tensor& dw = trained ? model.q_weight().gradient : (scratch_w = Tensor::zeros(model.q_weight().shape, DType::float32, dz.device()));
    Tensor& db = trained ? model.q_bias().gradient : (scratch_b = Tensor::zeros(model.q_bias().shape, DType::float32, dz.device()));
    ops::q_head_backward(dq, z.value(), model.q_weight().master, out.q_positions ? &out.q_positions : nullptr, dz, dw, db);
    head = {std::move(head.tokens), std::move(head.logits), {}};
    if (z.requires_gradient()) z.gradient()->accumulate(std::move(dz));
    for (size_t i = 0; i < carry.latents.size(); ++i) carry.latents[i].copy_from(out.latents[i].value());
    // Backward consumes the outputs' memory as it goes.
    out.latents.clear();
    taping.reset();
    tape.backward();
    if (rows) result.puzzle_gradient = rows->gradient()->value();
  } else {
    for (size_t i = 0; i < carry.latents.size(); ++i) carry.latents[i].copy_from(out.latents[i].value());
  }
  result.preds = head.tokens.preds;
  result.logits = head.logits;
  result.q = out.q;
  return result;
}

}  // namespace trm
