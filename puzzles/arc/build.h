#pragma once
#include <vector>

#include "puzzles/build.h"

namespace trm {

/// <prefix>_<subset>_challenges.json and …_solutions.json become puzzles of 30 × 30 tokens. Of the test set's tasks the
/// demonstrations go into train and the test pairs into test, under the same identifiers; the other subsets go into
/// train entirely.
struct ArcBuild {
  BuildOutput output;
  std::string input_prefix;
  std::vector<std::string> subsets;
  std::string test_set;
  int num_aug = 1000;        // distinct augmentations beside each task, fewer where there are not so many
  int first_identifier = 1;  // to use several such folders together
};

/// Writes the dataset as a stream: memory holds a few tasks with their augmentations. Throws PuzzleError naming file,
/// task and place, DataError for what cannot be written.
void build_arc(const ArcBuild& build);

}  // namespace trm
