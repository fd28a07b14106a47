#include "pretrain/evaluation.h"

#include <limits>

#include "logging/logging.h"
#include "pretrain/saved_outputs.h"
#include "pretrain/signals.h"

namespace trm {
namespace {

constexpr double MetricsReading::*means[] = {&MetricsReading::accuracy,        &MetricsReading::exact_accuracy,
                                             &MetricsReading::q_halt_accuracy, &MetricsReading::steps,
                                             &MetricsReading::lm_loss,         &MetricsReading::q_halt_loss,
                                             &MetricsReading::q_continue_loss};

/// The device is read once in so many batches: its sums are float32.
constexpr int batches_a_read = 32;

}  // namespace

void MetricsSum::add(const MetricsReading& reading) {
  if (reading.rows <= 0) return;
  sum_.rows += reading.rows;
  sum_.tokens += reading.tokens;
  for (const auto mean : means) sum_.*mean += reading.*mean * reading.rows;
}

MetricsReading MetricsSum::mean() const {
  MetricsReading result = sum_;
  for (const auto mean : means)
    result.*mean = sum_.rows > 0 ? sum_.*mean / sum_.rows : std::numeric_limits<double>::quiet_NaN();
  return result;
}

Metrics named_metrics(const std::string& prefix, const MetricsReading& m, bool continue_loss) {
  Metrics metrics{{prefix + "/lm_loss", m.lm_loss}, {prefix + "/q_halt_loss", m.q_halt_loss}};
  if (continue_loss) metrics.emplace_back(prefix + "/q_continue_loss", m.q_continue_loss);
  for (const auto& [name, value] :
       {std::pair{"/accuracy", m.accuracy}, std::pair{"/exact_accuracy", m.exact_accuracy},
        std::pair{"/q_halt_accuracy", m.q_halt_accuracy}, std::pair{"/steps", m.steps}, std::pair{"/count", m.rows}})
    metrics.emplace_back(prefix + name, value);
  return metrics;
}

std::optional<EvaluationResult> evaluate(const Model& model, const std::shared_ptr<const Dataset>& dataset,
                                         const LoaderOptions& options, const OutputRequest& request,
                                         Progress& progress) {
  Loader loader = Loader::evaluation(dataset, options);
  EvaluationStep step(model, static_cast<int64_t>(options.batch_size));
  std::unique_ptr<SavedOutputs> outputs;
  const auto saving = [&](auto&& act) {
    try {
      act();
    } catch (const std::exception& error) {
      outputs.reset();
      logging::error(std::string(error.what()) + "; the outputs of this evaluation are not saved");
    }
  };
  if (!request.names.empty()) saving([&] { outputs = std::make_unique<SavedOutputs>(request.folder, request.names); });

  std::vector<MetricsSum> sums(dataset->sets().size());
  const uint64_t examples = dataset->examples();
  uint64_t seen = 0;
  int unread = 0;
  size_t current = 0;
  const auto read = [&] {
    if (unread > 0) sums[current].add(step.read_metrics());
    unread = 0;
  };
  while (const auto batch = loader.next()) {
    if (stop_signal()) {
      progress.activity("");
      return std::nullopt;
    }
    if (batch->set != current || unread == batches_a_read) read();
    current = batch->set;
    const StepResult result =
        step.run(batch->inputs, batch->labels, batch->puzzle_identifiers, outputs && outputs->wants("logits"));
    ++unread;
    if (outputs) saving([&] { outputs->add(dataset->sets()[current], *batch, result); });
    seen += batch->real_rows;
    progress.activity("evaluating " + std::to_string(seen) + "/" + std::to_string(examples));
  }
  read();
  if (outputs) saving([&] { outputs->finish(); });
  progress.activity("");

  EvaluationResult result;
  MetricsSum total;
  for (size_t i = 0; i < sums.size(); ++i) {
    const MetricsReading mean = sums[i].mean();
    total.add(mean);
    for (auto& metric : named_metrics(dataset->sets()[i].name, mean, model.config().continue_loss()))
      result.metrics.push_back(std::move(metric));
  }
  result.total = total.mean();
  return result;
}

}  // namespace trm
