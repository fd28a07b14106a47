#include "optimizer/optimizer.h"

namespace trm {

OptimizerState::OptimizerState(const ParameterStore& store, const OptimizerSettings& settings) : settings_(settings) {
  const Device device = store.device();
  const Shape flat = store.values().shape();
  if (!settings_.plan.frozen) {
    adam_ = {store.values(), Tensor::zeros(flat, DType::float32, device), Tensor::zeros(flat, DType::float32, device), {}, store.narrow()};
    if (settings_.ema) {
      adam_.ema = Tensor::empty(flat, DType::float32, device);
      adam_.ema.copy_from(store.values());
    }
  }
  settings_.plan.beta1 = settings_.adam.beta1;
  settings_.plan.beta2 = settings_.adam.beta2;
  counters_ = Tensor::zeros({Counter::count}, DType::int64, device);
  control_ = Tensor::zeros({Control::count}, DType::float32, device);
  square_ = Tensor::zeros({1}, DType::float32, device);
  puzzle_square_ = Tensor::zeros({1}, DType::float32, device);
}

void OptimizerState::update(ParameterStore& store, const PuzzleGradients* puzzle, const Tensor* puzzle_table) {
  ops::sum_of_squares(store.gradients(), square_);
  if (puzzle) ops::sum_of_squares(puzzle->rows, puzzle_square_);
  ops::plan_update(settings_.plan, square_, puzzle ? &puzzle_square_ : nullptr, counters_, control_);
  if (puzzle) {
    Tensor table = *puzzle_table;
    ops::sign_sgd(puzzle->rows, puzzle->ids, control_, settings_.puzzle_weight_decay, table);
  }
  if (!settings_.plan.frozen) {
    ops::adam_update(settings_.kind, store.gradients(), control_, settings_.adam, adam_);
    store.refresh(true);
  }
  store.gradients().fill_zero();
}

void OptimizerState::exchange_with_ema(ParameterStore& store) {
  if (!adam_.ema) return;
  Tensor kept = Tensor::empty(adam_.ema.shape(), DType::float32, adam_.ema.device());
  kept.copy_from(store.values());
  store.values().copy_from(adam_.ema);
  adam_.ema.copy_from(kept);
  store.refresh();
}

std::map<std::string, Tensor> OptimizerState::state(const ParameterStore& store) const {
  std::map<std::string, Tensor> state{{"optimizer/counters", counters_}};
  if (settings_.plan.frozen) return state;
  for (const auto& p : store.all()) {
    state["optimizer/exp_avg/" + p->name] = store.view(adam_.m, *p);
    state["optimizer/exp_avg_sq/" + p->name] = store.view(adam_.v, *p);
    if (adam_.ema) state["ema/" + p->name] = store.view(adam_.ema, *p);
  }
  return state;
}

}  // namespace trm
