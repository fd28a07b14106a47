#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/loader.h"
#include "distributed/communicator.h"
#include "evaluation/evaluator.h"
#include "model/model.h"

namespace trm {

/// Told how many examples of all are done; returns false to stop.
using EvaluationProgress = std::function<bool(uint64_t seen, uint64_t examples)>;

/// Runs a model on a batch: an element a supervision step, the last one whole, the others as far as they are read.
using BatchRunner = std::function<std::vector<EvaluatedStep>(const Batch& batch, const Reads& reads)>;

/// The model as it is, with its halt_max_steps supervision steps, on batches of that many rows.
BatchRunner run_batches(const Model& model, int64_t rows);

/// Gives all examples in order to the evaluators. Returns their metrics one after the other; nothing where `progress`
/// stopped it. Of several processes (`others`) each runs its rows of each batch, with the same evaluators, whose sums are
/// merged at the end; `progress` then answers the same on all.
std::optional<Metrics> evaluate(const BatchRunner& run, const std::shared_ptr<const Dataset>& dataset,
                                const LoaderOptions& options, const std::vector<Evaluator*>& evaluators,
                                const EvaluationPlace& place, const EvaluationProgress& progress = {},
                                Communicator* others = nullptr);

}  // namespace trm
