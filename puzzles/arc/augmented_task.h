#pragma once
#include "puzzles/arc/augmentation.h"
#include "puzzles/arc/task.h"

namespace trm {

/// A task and its augmentations as the examples of a dataset, puzzle after puzzle: the task itself, then what it
/// became.
struct AugmentedTask {
  struct Examples {
    std::vector<uint8_t> inputs, labels;  // [examples · arc_cells]
    uint64_t a_puzzle = 0;                // examples of each puzzle
  };
  std::vector<std::string> names;  // of the puzzles, as identifiers.json has them
  Examples train, test;
};

/// Up to `count` distinct augmentations (5 · count are tried). Training examples are moved about the canvas, except one
/// of each puzzle. `test_apart`: the test pairs go to `test`, else to `train` too; those without an output are left out
/// there, and have one cell of colour 0 in `test`.
AugmentedTask augment_task(const ArcTask& task, int count, bool test_apart, SplitMix64& random);

}  // namespace trm
