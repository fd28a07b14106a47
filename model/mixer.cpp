#include "model/mixer.h"

#include <cmath>
#include <stdexcept>

#include "model/mixers/mixers.h"

namespace trm {
namespace {

[[noreturn]] void no_state() { throw std::logic_error("a mixer that sees the future has no state to advance"); }

}  // namespace

DepthState& DepthStates::next() {
  if (next_ == states_.size())
    throw std::logic_error("a pass applies mixers more often than there are states: " + std::to_string(states_.size()));
  return states_[next_++];
}

DepthStates DepthStates::slots(int64_t first, int64_t count) const {
  DepthStates views;
  for (const DepthState& state : states_) {
    DepthState view;
    for (const Tensor& tensor : state.tensors) view.tensors.push_back(tensor.rows(first, count));
    views.add(std::move(view));
  }
  return views;
}

DepthState Mixer::empty_state(int64_t) const { no_state(); }

void Mixer::reset(DepthState& state) const {
  for (const Tensor& tensor : state.tensors) tensor.fill_zero();
}

Tensor Mixer::prefill(const Tensor&, DepthState&, const Pass&) const { no_state(); }

Tensor Mixer::step_level(const std::vector<Tensor>&, std::span<const BlockStep>, const Pass&) const { return {}; }

std::unique_ptr<Mixer> make_mixer(const std::string& prefix, Construction& construction) {
  return mixers::kind(construction.config.mixer).make(prefix, construction);
}

Parameter& linear_parameter(Construction& c, const std::string& name, int64_t out, int64_t in, bool token) {
  return c.store.add(name, {out, in}, token ? ParameterUse::token_product : ParameterUse::product, ParameterRole::matrix,
                     c.initializer.truncated_normal(out * in, 1 / std::sqrt(static_cast<double>(in))));
}

SwigluProjections swiglu_parameters(Construction& c, const std::string& prefix, int64_t d, bool token) {
  const int64_t inter = swiglu_width(c.config.expansion, d);
  SwigluProjections projections;
  projections.gate_up = &linear_parameter(c, prefix + ".gate_up_proj.weight", 2 * inter, d, token);
  projections.down = &linear_parameter(c, prefix + ".down_proj.weight", d, inter, token);
  return projections;
}

}  // namespace trm
