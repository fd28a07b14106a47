#include "puzzles/sudoku/generator.h"

#include <algorithm>
#include <numeric>

namespace trm {
namespace {

constexpr int steps_uphill = 60;  // without a harder one: start again
constexpr size_t clues_back = 3;  // given back in a step

/// Takes away clues in random order, those first that are not in `last`, as long as the solution stays the only one.
void dig(SudokuSolver& solver, SplitMix64& random, SudokuBoard& board, const SudokuBoard* last) {
  std::vector<int> order(board.size());
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  if (last)
    std::stable_partition(order.begin(), order.end(),
                          [&](int cell) { return (*last)[static_cast<size_t>(cell)] == 0; });
  for (const int cell : order)
    if (board[static_cast<size_t>(cell)] != 0 && !solver.can_differ(board, cell)) board[static_cast<size_t>(cell)] = 0;
}

}  // namespace

std::optional<SudokuPuzzle> generate_sudoku(SudokuSolver& solver, SplitMix64& random, int min_rating, int tries) {
  for (int start = 0; start < tries; ++start) {
    SudokuPuzzle best;
    best.answer = best.question = solver.random_solution(random);
    dig(solver, random, best.question, nullptr);
    best.rating = solver.solve(best.question).guesses;
    for (int step = 0; step < steps_uphill && best.rating < min_rating; ++step) {
      SudokuBoard other = best.question;
      for (size_t given = 0; given < clues_back;) {
        const size_t cell = random.below(other.size());
        if (other[cell] != 0) continue;
        other[cell] = best.answer[cell];
        ++given;
      }
      std::vector<int> order;
      dig(solver, random, other, nullptr);
      const int rating = solver.solve(other).guesses;
      if (rating < best.rating) continue;
      if (rating > best.rating) step = 0;
      best.question = std::move(other);
      best.rating = rating;
    }
    if (best.rating >= min_rating) return best;
  }
  return std::nullopt;
}

}  // namespace trm
