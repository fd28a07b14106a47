#pragma once
// ARC as a kind of puzzle: a test input on its canvas; the text is the task's JSON. Rules are told by examples only.
#include "puzzles/arc/augmentation.h"
#include "puzzles/puzzle_kind.h"

namespace trm {

/// On canvases: the grid keeps its place as far as it fits there.
std::unique_ptr<Symmetry> arc_symmetry(const ArcAugmentation& augmentation);

/// Null where it is not 12 tokens in 900 cells.
std::unique_ptr<const PuzzleKind> make_arc(int vocab_size, int seq_len);

}  // namespace trm
