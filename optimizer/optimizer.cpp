#include "optimizer/optimizer.h"

#include <algorithm>
#include <stdexcept>

#include "device/backend.h"

namespace trm {
namespace {

std::vector<ParameterGroup> groups_of(const ParameterStore& store, const OptimizerSettings& settings) {
  std::vector<ParameterGroup> groups = find_optimizer(settings.name).groups(settings, store);
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.span.first < b.span.first; });
  int64_t end = 0;
  for (const ParameterGroup& group : groups) {
    if (group.span.first != end)
      throw std::logic_error("the groups of " + settings.name + " leave a gap or overlap at element " +
                             std::to_string(end));
    end = group.span.end();
  }
  if (end != store.everything().end())
    throw std::logic_error("the groups of " + settings.name + " end before the parameters do");
  return groups;
}

Tensor part(const Tensor& flat, ParameterSpan span) { return flat ? flat.view(span.first, {span.count}) : Tensor(); }

}  // namespace

OptimizerState::OptimizerState(const ParameterStore& store, const OptimizerSettings& settings)
    : settings_(settings),
      plan_{settings.grad_clip_norm, settings.beta1, settings.beta2, settings.frozen},
      puzzle_rule_(make_sign_sgd()) {
  const Device device = store.device();
  if (settings_.ema && !settings_.frozen) {
    ema_ = Tensor::empty(store.values().shape(), DType::float32, device);
    ema_.copy_from(store.values());
  }
  for (ParameterGroup& made : groups_of(store, settings_)) groups_.push_back({std::move(made), {}});
  const auto slots = static_cast<int64_t>(groups_.size() + 1) * Rate::count;
  rates_ = Tensor::zeros({slots}, DType::float32, device);
  for (auto& sent : sent_) {
    sent = Backend::of(device).allocate_host(static_cast<size_t>(slots) * sizeof(float));
    std::fill_n(static_cast<float*>(sent.get()), slots, 0.0f);
  }
  for (size_t i = 0; i < groups_.size() && !settings_.frozen; ++i) {
    const ParameterGroup& made = groups_[i].made;
    UpdateTarget& target = groups_[i].target;
    target = {part(store.values(), made.span), part(store.gradients(), made.span), {},          {},
              part(ema_, made.span),           part(store.narrow(), made.span),    rates_of(i), made.weight_decay};
    for (size_t s = 0; s < made.rule->state_names().size(); ++s)
      target.state.push_back(Tensor::zeros({made.span.count}, DType::float32, device));
  }
  counters_ = Tensor::zeros({Counter::count}, DType::int64, device);
  control_ = Tensor::zeros({Control::count}, DType::float32, device);
  square_ = Tensor::zeros({1}, DType::float32, device);
  puzzle_square_ = Tensor::zeros({1}, DType::float32, device);
}

std::function<void()> OptimizerState::begin_step() {
  step_ += 1;
  const double factor = settings_.schedule.factor(step_);
  auto* to = static_cast<float*>(sent_[step_ % 2].get());
  for (size_t i = 0; i <= groups_.size(); ++i, to += Rate::count) {
    to[Rate::lr] = static_cast<float>((i < groups_.size() ? groups_[i].made.lr : settings_.puzzle_lr) * factor);
    to[Rate::ema] = step_ < settings_.ema_start ? 0.0f : settings_.ema_rate;
  }
  return Backend::of(rates_.device()).upload(rates_, sent_[step_ % 2].get());
}

std::vector<std::pair<std::string, float>> OptimizerState::learning_rates() const {
  const auto* sent = static_cast<const float*>(sent_[step_ % 2].get());
  std::vector<std::pair<std::string, float>> rates;
  for (size_t i = 0; i <= groups_.size(); ++i)
    rates.emplace_back(i < groups_.size() ? groups_[i].made.rate_name : "puzzle_emb_lr",
                       sent[i * Rate::count + Rate::lr]);
  return rates;
}

void OptimizerState::update(ParameterStore& store, const PuzzleGradients* puzzle, const Tensor* puzzle_table) {
  ops::sum_of_squares(store.gradients(), square_);
  if (puzzle) ops::sum_of_squares(puzzle->rows, puzzle_square_);
  ops::plan_update(plan_, square_, puzzle ? &puzzle_square_ : nullptr, counters_, control_);
  if (puzzle) {
    UpdateTarget table{
        *puzzle_table, puzzle->rows, puzzle->ids, {}, {}, {}, rates_of(groups_.size()), settings_.puzzle_weight_decay};
    puzzle_rule_->update(table, control_);
  }
  if (!settings_.frozen) {
    for (auto& [made, target] : groups_) {
      made.rule->update(target, control_);
      if (!made.rule->writes_copies())
        ops::ema_update(target.values, control_, target.rates, target.ema, target.narrow);
    }
    store.refresh(true);
  }
  store.gradients().fill_zero();
}

void OptimizerState::exchange_with_ema(ParameterStore& store) {
  if (!ema_) return;
  Tensor kept = Tensor::empty(ema_.shape(), DType::float32, ema_.device());
  kept.copy_from(store.values());
  store.values().copy_from(ema_);
  ema_.copy_from(kept);
  store.refresh();
}

std::map<std::string, Tensor> OptimizerState::state(const ParameterStore& store) const {
  std::map<std::string, Tensor> state{{"optimizer/counters", counters_}};
  if (settings_.frozen) return state;
  for (const auto& p : store.all()) {
    const int64_t at = store.offset(*p);
    for (const auto& [made, target] : groups_) {
      if (at < made.span.first || at >= made.span.end()) continue;
      const std::vector<std::string> names = made.rule->state_names();
      for (size_t s = 0; s < names.size(); ++s)
        state["optimizer/" + names[s] + "/" + p->name] = target.state[s].view(at - made.span.first, p->shape);
    }
    if (ema_) state["ema/" + p->name] = store.view(ema_, *p);
  }
  return state;
}

}  // namespace trm
