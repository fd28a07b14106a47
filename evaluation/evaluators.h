#pragma once
#include <memory>

#include "data/dataset.h"
#include "evaluation/evaluate.h"
#include "evaluation/mean_metrics.h"
#include "puzzles/puzzle_kind.h"
#include "settings/settings.h"

namespace trm {

/// The evaluators that a configuration asks for on a dataset: the metrics and their intervals, accuracy after each
/// supervision step (eval_depths), saved outputs (eval_save_outputs), and those of the key `evaluators` for the folders
/// they are made for.
class Evaluators {
 public:
  /// Throws DataError where a folder lacks what an evaluator reads, PuzzleError where it holds no such puzzles.
  Evaluators(const Settings& settings, const Dataset& dataset, const ModelConfig& config);

  std::vector<Evaluator*> all() const;
  /// How batches are run: as the model is, or as the search that the configuration asks for.
  BatchRunner runner(const Model& model, int64_t rows) const;
  /// The metrics over all sets.
  MetricsReading total() { return means_->total(); }

 private:
  void add_arc(const EvaluatorSettings& settings, const Dataset& dataset, bool arc);

  std::vector<std::unique_ptr<Evaluator>> all_;
  MeanMetrics* means_;
  Settings settings_;
  std::shared_ptr<const PuzzleKind> kind_;
};

}  // namespace trm
