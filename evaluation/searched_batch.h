#pragma once
#include <memory>

#include "evaluation/evaluate.h"
#include "evaluation/search.h"
#include "settings/settings.h"

namespace trm {

/// Runs the batches of an evaluation as searches. Of each row, predictions and q are those of the attempt that is
/// chosen, `steps` are its own; there are no losses (NaN), as they are of a single pass. `every_step`: what the chosen
/// attempt had after each step. `kind` draws the views.
BatchRunner search_batches(const Model& model, std::shared_ptr<const PuzzleKind> kind, const Settings& settings);

}  // namespace trm
