#include "evaluation/evaluate.h"

#include "evaluation/evaluation_step.h"

namespace trm {
namespace {

/// The rows of all processes, one behind the other.
Tensor all_rows_of(const Tensor& mine, Communicator& others) {
  Shape shape;
  for (int axis = 0; axis < mine.rank(); ++axis) shape.push_back(mine.size(axis) * (axis == 0 ? others.size() : 1));
  const Tensor all = Tensor::empty(shape, mine.dtype(), mine.device());
  others.gather(mine, all, "the rows of an evaluation");
  return all;
}

/// A batch and its last step as one process would have them.
struct WholeBatch {
  std::vector<int32_t> inputs, labels, identifiers;
  Batch batch;
  std::vector<EvaluatedStep> steps;
};

WholeBatch whole(const Batch& mine, const std::vector<EvaluatedStep>& steps, Device device, Communicator& others) {
  WholeBatch all;
  const auto rows = static_cast<int64_t>(mine.rows), length = static_cast<int64_t>(mine.seq_len);
  const auto from_host = [&](const int32_t* values, const Shape& shape) {
    return all_rows_of(Tensor::from_bytes(values, shape, DType::int32, device), others).to_vector<int32_t>();
  };
  all.inputs = from_host(mine.inputs, {rows, length});
  all.labels = from_host(mine.labels, {rows, length});
  all.identifiers = from_host(mine.puzzle_identifiers, {rows});
  all.batch = mine;
  all.batch.inputs = all.inputs.data();
  all.batch.labels = all.labels.data();
  all.batch.puzzle_identifiers = all.identifiers.data();
  all.batch.rows *= static_cast<size_t>(others.size());
  all.batch.real_rows = 0;
  for (const std::string& real : others.gather_texts(std::to_string(mine.real_rows), "the rows of an evaluation"))
    all.batch.real_rows += std::stoull(real);
  const StepResult& last = steps.back().result;
  StepResult& result = all.steps.emplace_back().result;
  result.preds = all_rows_of(last.preds, others);
  result.q = all_rows_of(last.q, others);
  if (last.logits) result.logits = all_rows_of(last.logits, others);
  return all;
}

}  // namespace

BatchRunner run_batches(const Model& model, int64_t rows) {
  return [step = EvaluationStep(model, rows)](const Batch& batch, const Reads& reads) mutable {
    return step.run(batch.inputs, batch.labels, batch.puzzle_identifiers, reads);
  };
}

std::optional<Metrics> evaluate(const BatchRunner& run, const std::shared_ptr<const Dataset>& dataset,
                                const LoaderOptions& options, const std::vector<Evaluator*>& evaluators,
                                const EvaluationPlace& place, const EvaluationProgress& progress,
                                Communicator* others) {
  const bool several = others && !others->alone();
  Loader loader = Loader::evaluation(dataset, options);
  Reads reads;
  for (Evaluator* evaluator : evaluators) {
    reads = reads | evaluator->reads();
    evaluator->begin(place);
  }
  const uint64_t examples = dataset->examples();
  uint64_t seen = 0;
  while (const auto batch = loader.next()) {
    if (progress && !progress(seen, examples)) return std::nullopt;
    const auto steps = run(*batch, reads);
    const ExampleSet& set = dataset->sets()[batch->set];
    std::optional<WholeBatch> together;
    for (Evaluator* evaluator : evaluators) {
      if (!several || !evaluator->whole_batches()) {
        evaluator->add(set, *batch, steps);
        continue;
      }
      if (!together) together = whole(*batch, steps, steps.back().result.preds.device(), *others);
      evaluator->add(set, together->batch, together->steps);
    }
    seen += batch->real_rows;
  }
  if (several)
    for (Evaluator* evaluator : evaluators) {
      const auto states = others->gather_texts(evaluator->state(), "the sums of an evaluation");
      for (int rank = 0; rank < others->size(); ++rank)
        if (rank != others->rank()) evaluator->merge(states[static_cast<size_t>(rank)]);
    }
  Metrics all;
  for (Evaluator* evaluator : evaluators)
    for (auto& metric : evaluator->metrics()) all.push_back(std::move(metric));
  return all;
}

}  // namespace trm
