#include "model/act.h"

#include "autograd/tape.h"
#include "device/ops.h"

namespace trm {
namespace {

void take_incoming(const Model& model, Carry& carry, const DeviceBatch& incoming) {
  for (size_t i = 0; i < carry.latents.size(); ++i)
    ops::reset_rows(carry.halted, model.initial_latents()[i], carry.latents[i]);
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
  return ops::q_continue_target(next.q.value(), carry.steps, model.config().halt_max_steps);
}

/// Puts the terms of the loss on the tape; the head is fused with its loss where the logits are not wanted.
void take_losses(const Model& model, const ModelOutput& out, const Carry& carry, const StepOptions& options,
                 StepResult& result, Tensor& metrics) {
  const ModelConfig& c = model.config();
  const auto labels = ops::label_counts(carry.data.labels, options.grad_scale);
  const Variable z = functions::drop_positions(out.latents[model.recursion().output()], c.prefix());
  ops::CrossEntropy tokens;
  if (options.keep_logits) {
    const Variable logits = functions::linear(z, model.lm_head());
    result.logits = logits.value();
    tokens = functions::cross_entropy(logits, carry.data.labels, labels.scale, c.loss);
  } else {
    tokens = functions::linear_cross_entropy(z, model.lm_head(), carry.data.labels, labels.scale, c.loss);
  }
  result.preds = tokens.preds;
  functions::act_loss(out.q,
                      {tokens, carry.data.labels, labels.counts, carry.steps, carry.halted, result.target_q_continue},
                      options.weights.q * options.grad_scale, metrics);
}

}  // namespace

StepResult supervision_step(const Model& model, Carry& carry, const DeviceBatch& incoming, Tensor& counters,
                            const StepOptions& options, Tensor& metrics) {
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
  const ModelOutput out = model.forward(constants(carry.latents), carry.data.inputs, puzzle);

  const HaltingRule rule{c.halt_max_steps,
                         options.training,
                         c.compare_with_continue(),
                         static_cast<float>(c.halt_exploration_prob),
                         options.seed,
                         options.first_row};
  ops::act_halt(out.q.value(), rule, counters, carry.steps, carry.halted);
  StepResult result;
  result.q = out.q.value();
  if (options.heads) {
    if (c.continue_loss()) result.target_q_continue = continue_target(model, out, carry, puzzle);
    take_losses(model, out, carry, options, result, metrics);
  }
  if (options.training) {
    taping.reset();
    tape.backward();
    model.parameters().pull_back();
    if (rows) result.puzzle_gradient = rows->gradient()->value();
  }
  // After the backward: entries of the tape may hold the old ones.
  for (size_t i = 0; i < carry.latents.size(); ++i) carry.latents[i].copy_from(out.latents[i].value());
  return result;
}

}  // namespace trm
