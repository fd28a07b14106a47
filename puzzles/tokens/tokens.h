#pragma once
#include "puzzles/puzzle_kind.h"

namespace trm {

/// Puzzles of which nothing is known but their tokens: text is ids between white space, and there are no rules.
std::unique_ptr<const PuzzleKind> make_tokens(int vocab_size, int seq_len);

}  // namespace trm
