#pragma once
#include <memory>
#include <span>

#include "data/random.h"
#include "puzzles/sudoku/board.h"

namespace trm {

struct SudokuSearch {
  int solutions = 0;  // at most the limit
  int guesses = 0;    // values tried while others were left, at cells without naked or hidden singles
  SudokuBoard first;  // the first solution, empty where there is none
};

/// Propagates naked and hidden singles, then branches on a cell of fewest candidates. Not for several threads at once.
class SudokuSolver {
 public:
  explicit SudokuSolver(SudokuShape shape);
  ~SudokuSolver();

  /// Up to `limit` solutions. The guesses at limit 2 rate a puzzle with one solution: its proof of uniqueness included.
  SudokuSearch solve(std::span<const uint8_t> board, int limit = 2);

  /// Whether there is a solution with another digit at `cell` than the board has there.
  bool can_differ(std::span<const uint8_t> board, int cell);

  /// A complete board, each branch taken in random order.
  SudokuBoard random_solution(SplitMix64& random);

 private:
  struct Search;
  std::unique_ptr<Search> search_;
};

}  // namespace trm
