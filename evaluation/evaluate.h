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

/// Runs the model as it is over all examples in order, and gives each batch to the evaluators. Returns their metrics
/// one after the other; nothing where `progress` stopped it. Of several processes (`others`) each runs its rows of each
/// batch, with the same evaluators, whose sums are merged at the end; `progress` then answers the same on all.
std::optional<Metrics> evaluate(const Model& model, const std::shared_ptr<const Dataset>& dataset,
                                const LoaderOptions& options, const std::vector<Evaluator*>& evaluators,
                                const EvaluationProgress& progress = {}, Communicator* others = nullptr);

}  // namespace trm
