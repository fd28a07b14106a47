#pragma once
// The kinds of puzzle that there are. A new one is a folder here and a line in kinds.cpp.
#include "puzzles/puzzle_kind.h"

namespace trm {

/// The kind called `name` at the size of a model or dataset. Where the name is empty or unknown (folders of the Python
/// project have none), vocabulary and length tell the kind: sudoku 11 tokens in 16, 36 or 81 cells, maze 6 in a square,
/// arc 12 in 900; anything else is "tokens", bare token ids. Throws PuzzleError where a known kind has no such size.
std::unique_ptr<const PuzzleKind> puzzle_kind(const std::string& name, int vocab_size, int seq_len);

}  // namespace trm
