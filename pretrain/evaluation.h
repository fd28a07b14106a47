#pragma once
#include <filesystem>
#include <memory>
#include <optional>

#include "data/loader.h"
#include "model/model.h"
#include "pretrain/metrics_log.h"
#include "pretrain/progress.h"
#include "runtime/evaluation_step.h"

namespace trm {

struct EvaluationResult {
  Metrics metrics;       // <set>/lm_loss, …, of each set
  MetricsReading total;  // over all sets
};

/// What an evaluation keeps besides its metrics.
struct OutputRequest {
  std::vector<std::string> names;  // empty: nothing
  std::filesystem::path folder;
};

/// Runs the model as it is over all examples in order. Returns nothing where a stop signal came meanwhile. Failing to
/// save outputs is a complaint, not the end.
std::optional<EvaluationResult> evaluate(const Model& model, const std::shared_ptr<const Dataset>& dataset,
                                         const LoaderOptions& options, const OutputRequest& outputs,
                                         Progress& progress);

/// lm_loss, q_halt_loss, (q_continue_loss), accuracy, exact_accuracy, q_halt_accuracy, steps, count under "<prefix>/".
Metrics named_metrics(const std::string& prefix, const MetricsReading& reading, bool continue_loss);

/// Sums readings by the rows that they are means over.
class MetricsSum {
 public:
  void add(const MetricsReading& reading);
  MetricsReading mean() const;

 private:
  MetricsReading sum_;
};

}  // namespace trm
