#pragma once
#include <cstdint>
#include <vector>

#include "evaluation/evaluator.h"

namespace trm {

/// One evaluation batch run to its last supervision step (always halt_max_steps of them), keeping nothing for a
/// backward. The vocabulary head and the losses run only in steps that are read.
class EvaluationStep {
 public:
  EvaluationStep(const Model& model, int64_t batch);
  /// Host memory as in TrainingStep::run. Returns an element a supervision step.
  std::vector<EvaluatedStep> run(const int32_t* inputs, const int32_t* labels, const int32_t* puzzle_identifiers,
                                 const Reads& reads = {});

 private:
  const Model& model_;
  int64_t batch_;
  Tensor counters_;
};

}  // namespace trm
