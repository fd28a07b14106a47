#pragma once
#include <memory>
#include <string>

#include "data/batch.h"
#include "puzzles/puzzle_kind.h"

namespace trm {

/// What the setting `augment` does to the training examples of a run: PuzzleKind::augment, drawn from the seed and the
/// example's place in the run's order. Empty for "none". Throws PuzzleError where the kind has no such augmentation.
Augment augmentation(const std::string& name, std::shared_ptr<const PuzzleKind> kind, uint64_t seed);

}  // namespace trm
