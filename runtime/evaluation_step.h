#pragma once
#include <cstdint>

#include "model/act.h"
#include "runtime/training_step.h"

namespace trm {

/// One evaluation batch run to its last supervision step (always halt_max_steps of them), keeping nothing for a backward.
class EvaluationStep {
 public:
  EvaluationStep(const Model& model, int64_t batch);
  /// Host memory as in TrainingStep::run. Adds the last step's metrics to the sums; with `keep` the last step's predictions, q and logits are returned on the device.
  StepResult run(const int32_t* inputs, const int32_t* labels, const int32_t* puzzle_identifiers, bool keep = false);
  /// Means over the rows with a valid label since the last read, losses too.
  MetricsReading read_metrics();

 private:
  const Model& model_;
  int64_t batch_;
  Tensor metrics_, scratch_, counters_;
};

}  // namespace trm
