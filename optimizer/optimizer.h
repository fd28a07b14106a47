#pragma once
#include <functional>
#include <map>
#include <string>

#include "autograd/parameter.h"
#include "device/ops.h"
#include "optimizer/optimizers.h"

namespace trm {

/// Gradients of puzzle rows, gathered over the micro-batches of a step: rows f32 [R, ndim], ids i32 [R].
struct PuzzleGradients {
  Tensor rows, ids;
};

/// What the rules keep, EMA, counters and the update itself: the optimizer that the settings name on all dense
/// parameters, sparse sign-SGD on the puzzle table. Clipping, the skip of a step with NaN or Inf, and the EMA are over
/// all dense parameters alike. Everything is device data at stable addresses and nothing is read back, so that an
/// update can be captured.
class OptimizerState {
 public:
  /// Throws OptimizerError where there is no optimizer of that name.
  OptimizerState(const ParameterStore& store, const OptimizerSettings& settings);

  /// Goes on to the next step: sends its learning rates to the device, which is no part of a captured update. The
  /// returned function waits for the copy; it is called before the second next step begins.
  std::function<void()> begin_step();
  /// One optimizer step from store.gradients(), which are zeroed. Gradients with NaN or Inf (puzzle rows included)
  /// change nothing but the step and skip counts. `puzzle` and `puzzle_table` are null or both given.
  void update(ParameterStore& store, const PuzzleGradients* puzzle, const Tensor* puzzle_table);

  /// Exchanges the parameters with their EMA (evaluation uses the EMA); calling it again restores them bit for bit. No
  /// effect without EMA.
  void exchange_with_ema(ParameterStore& store);

  /// optimizer/<state>/<name> for what the rules keep, optimizer/counters, and ema/<name>: views that a checkpoint
  /// reads and writes.
  std::map<std::string, Tensor> state(const ParameterStore& store) const;
  /// After the counters were overwritten by a checkpoint's: the steps that it has made.
  void resume_at(int64_t step) { step_ = step; }

  Tensor& counters() { return counters_; }            // i64 [Counter::count]
  const Tensor& control() const { return control_; }  // f32 [Control::count] of the last update
  const Tensor& ema() const { return ema_; }          // flat f32, undefined without EMA
  const OptimizerSettings& settings() const { return settings_; }
  /// By their names, in the last step begun.
  std::vector<std::pair<std::string, float>> learning_rates() const;

 private:
  struct Group {
    ParameterGroup made;
    UpdateTarget target;
  };
  Tensor rates_of(size_t group) const { return rates_.view(static_cast<int64_t>(group) * Rate::count, {Rate::count}); }

  OptimizerSettings settings_;
  UpdatePlan plan_;
  std::vector<Group> groups_;
  std::shared_ptr<UpdateRule> puzzle_rule_;
  int64_t step_ = 0;
  Tensor ema_, rates_;  // rates f32 [groups + 1, Rate::count]; the last are the puzzle rows'
  std::shared_ptr<void> sent_[2];
  Tensor counters_, control_, square_, puzzle_square_;
};

}  // namespace trm
