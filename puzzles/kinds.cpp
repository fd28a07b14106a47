#include "puzzles/kinds.h"

#include "puzzles/arc/arc.h"
#include "puzzles/maze/maze.h"
#include "puzzles/sudoku/sudoku.h"
#include "puzzles/tokens/tokens.h"

namespace trm {
namespace {

struct Row {
  const char* name;
  /// Null where the kind has no such size.
  std::unique_ptr<const PuzzleKind> (*make)(int vocab_size, int seq_len);
};

constexpr Row kinds[] = {{"sudoku", make_sudoku}, {"maze", make_maze}, {"arc", make_arc}, {"tokens", make_tokens}};

}  // namespace

std::unique_ptr<const PuzzleKind> puzzle_kind(const std::string& name, int vocab_size, int seq_len) {
  for (const Row& row : kinds) {
    if (row.name != name) continue;
    auto kind = row.make(vocab_size, seq_len);
    if (kind) return kind;
    throw PuzzleError("the puzzles are said to be of the kind " + name + ", which has no form of " +
                      std::to_string(seq_len) + " cells with a vocabulary of " + std::to_string(vocab_size));
  }
  for (const Row& row : kinds)
    if (auto kind = row.make(vocab_size, seq_len)) return kind;
  throw PuzzleError("there is no puzzle of " + std::to_string(seq_len) + " cells");
}

}  // namespace trm
