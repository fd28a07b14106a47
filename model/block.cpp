#include "model/block.h"

#include "autograd/tape.h"

namespace trm {

Block::Block(const std::string& prefix, Construction& construction)
    : eps_(static_cast<float>(construction.config.rms_norm_eps)),
      mixer_(make_mixer(prefix, construction)),
      mlp_(swiglu_parameters(construction, prefix + ".mlp", construction.config.hidden_size)) {}

Variable Block::forward(const Variable& h) const {
  return functions::swiglu_block(mixer_->forward(h), *mlp_.gate_up, *mlp_.down, eps_);
}

Tensor Block::advance(const Tensor& h, DepthState& state, const Pass& pass) const {
  const Tensor mixed = h.size(1) == 1 ? mixer_->step(h, state, pass) : mixer_->prefill(h, state, pass);
  return ops::swiglu_block(mixed, mlp_.gate_up->weight, mlp_.down->weight, eps_);
}

Level::Level(int layers, const std::string& prefix, Construction& construction) {
  for (int i = 0; i < layers; ++i) blocks_.emplace_back(prefix + ".layers." + std::to_string(i), construction);
}

Variable Level::forward(const std::vector<Variable>& inputs, const Pass& pass) const {
  if (pass.states) {
    std::vector<Tensor> values;
    for (const Variable& input : inputs) {
      require_no_gradient("a level over a state", {&input});
      values.push_back(input.value());
    }
    return Variable(advance(values, pass));
  }
  Variable h = inputs.at(0);
  if (inputs.size() == 2) h = functions::add(h, inputs[1]);
  if (inputs.size() == 3) h = functions::add(h, inputs[1], inputs[2]);
  for (const Block& block : blocks_) h = block.forward(h);
  return h;
}

Tensor Level::advance(const std::vector<Tensor>& inputs, const Pass& pass) const {
  Tensor h = inputs.at(0);
  std::vector<BlockStep> steps;
  for (const Block& block : blocks_) steps.push_back(block.step(pass.states->next()));
  if (h.size(1) == 1)
    if (Tensor y = mixer().step_level(inputs, steps, pass)) return y;
  if (inputs.size() == 2) h = ops::add(h, inputs[1]);
  if (inputs.size() == 3) h = ops::add(h, inputs[1], inputs[2]);
  const auto one_row = [&](Tensor row, const Pass& own) {
    for (size_t i = 0; i < blocks_.size(); ++i) row = blocks_[i].advance(row, *steps[i].state, own);
    return row;
  };
  if (h.size(0) == 1) return one_row(h, pass);
  // Products choose their order of summation by the number of rows.
  const Tensor y = Tensor::empty(h.shape(), h.dtype(), h.device());
  for (int64_t b = 0; b < h.size(0); ++b) {
    const Tensor slot = pass.slots->view(b, {1}), position = pass.positions->view(b, {1});
    y.rows(b, 1).copy_from(one_row(h.rows(b, 1), {pass.states, &slot, &position}));
  }
  return y;
}

}  // namespace trm
