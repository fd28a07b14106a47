#include "puzzles/puzzle_kind.h"

namespace trm {

void PuzzleKind::augment(SplitMix64& random, std::span<int32_t> inputs, std::span<int32_t> labels) const {
  thread_local std::vector<int32_t> before;
  const auto symmetry = draw_symmetry(random);
  for (const std::span<int32_t> cells : {inputs, labels}) {
    before.assign(cells.begin(), cells.end());
    symmetry->apply(before, cells);
  }
}

}  // namespace trm
