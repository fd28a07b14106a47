#include "evaluation/evaluate.h"

#include "evaluation/evaluation_step.h"

namespace trm {

std::optional<Metrics> evaluate(const Model& model, const std::shared_ptr<const Dataset>& dataset,
                                const LoaderOptions& options, const std::vector<Evaluator*>& evaluators,
                                const EvaluationProgress& progress) {
  Loader loader = Loader::evaluation(dataset, options);
  EvaluationStep step(model, static_cast<int64_t>(options.rows_here()));
  Reads reads;
  for (const Evaluator* evaluator : evaluators) reads = reads | evaluator->reads();

  const uint64_t examples = dataset->examples();
  uint64_t seen = 0;
  while (const auto batch = loader.next()) {
    if (progress && !progress(seen, examples)) return std::nullopt;
    const auto steps = step.run(batch->inputs, batch->labels, batch->puzzle_identifiers, reads);
    for (Evaluator* evaluator : evaluators) evaluator->add(dataset->sets()[batch->set], *batch, steps);
    seen += batch->real_rows;
  }
  Metrics all;
  for (Evaluator* evaluator : evaluators)
    for (auto& metric : evaluator->metrics()) all.push_back(std::move(metric));
  return all;
}

}  // namespace trm
