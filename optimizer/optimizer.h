#pragma once
#include <map>
#include <string>

#include "autograd/parameter.h"
#include "device/ops.h"

namespace trm {

/// What the optimizers do (model.md, "Optimizers"). Warm-up and decay are counted in optimizer steps, the first of which is step 1.
struct OptimizerSettings {
  ops::Optimizer kind = ops::Optimizer::adamw;
  AdamSettings adam;  // adam.ema_rate counts only with `ema`
  UpdatePlan plan;
  float puzzle_weight_decay = 0.1f;
  bool ema = false;
};

/// Gradients of puzzle rows, gathered over the micro-batches of a step: rows f32 [R, ndim], ids i32 [R].
struct PuzzleGradients {
  Tensor rows, ids;
};

/// Moments, EMA, counters and the update itself: AdamW or Adam-atan2 on all dense parameters, sparse sign-SGD on the puzzle table. Everything is device data at
/// stable addresses and nothing is read back, so that an update can be captured.
class OptimizerState {
 public:
  OptimizerState(const ParameterStore& store, const OptimizerSettings& settings);

  /// One optimizer step from store.gradients(), which are zeroed. Gradients with NaN or Inf (puzzle rows included) change nothing but the step and skip counts.
  /// `puzzle` and `puzzle_table` are null or both given.
  void update(ParameterStore& store, const PuzzleGradients* puzzle, const Tensor* puzzle_table);

  /// Exchanges the parameters with their EMA (evaluation uses the EMA); calling it again restores them bit for bit. No effect without EMA.
  void exchange_with_ema(ParameterStore& store);

  /// optimizer/exp_avg/<name>, optimizer/exp_avg_sq/<name>, optimizer/counters, and ema/<name>: views that a checkpoint reads and writes.
  std::map<std::string, Tensor> state(const ParameterStore& store) const;

  Tensor& counters() { return counters_; }               // i64 [Counter::count]
  const Tensor& control() const { return control_; }     // f32 [Control::count] of the last update
  const Tensor& ema() const { return adam_.ema; }        // flat f32, undefined without EMA
  const OptimizerSettings& settings() const { return settings_; }

 private:
  OptimizerSettings settings_;
  ops::AdamState adam_;
  Tensor counters_, control_, square_, puzzle_square_;
};

}  // namespace trm
