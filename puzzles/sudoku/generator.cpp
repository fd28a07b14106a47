#include "puzzles/sudoku/generator.h"

#include <algorithm>
#include <numeric>

namespace trm {
namespace {

constexpr int steps_uphill = 60;    // without a harder one: start again
constexpr uint64_t clues_back = 3;  // given back in a step

/// Takes away clues in random order as long as the solution stays the only one.
void dig(SudokuSolver& solver, SplitMix64& random, SudokuBoard& board) {
  std::vector<int> order(board.size());
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  for (const int cell : order)
    if (board[static_cast<size_t>(cell)] != 0 && !solver.can_differ(board, cell)) board[static_cast<size_t>(cell)] = 0;
}

/// As many as leave half of the cells blank.
uint64_t most_clues_back(const SudokuPuzzle& puzzle) {
  const auto clues =
      static_cast<size_t>(std::ranges::count_if(puzzle.question, [](uint8_t digit) { return digit > 0; }));
  const size_t half = puzzle.question.size() / 2;
  return clues < half ? half - clues : 0;
}

void give_back(SplitMix64& random, const SudokuBoard& answer, uint64_t count, SudokuBoard& board) {
  while (count > 0) {
    const size_t cell = random.below(board.size());
    if (board[cell] != 0) continue;
    board[cell] = answer[cell];
    --count;
  }
}

}  // namespace

std::optional<SudokuPuzzle> generate_sudoku(SudokuSolver& solver, SplitMix64& random, int min_rating, int tries) {
  for (int start = 0; start < tries; ++start) {
    SudokuPuzzle best;
    best.answer = best.question = solver.random_solution(random);
    dig(solver, random, best.question);
    if (min_rating == 0) give_back(random, best.answer, random.below(most_clues_back(best) + 1), best.question);
    best.rating = solver.solve(best.question).guesses;
    for (int step = 0; step < steps_uphill && best.rating < min_rating; ++step) {
      SudokuBoard other = best.question;
      give_back(random, best.answer, clues_back, other);
      dig(solver, random, other);
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
