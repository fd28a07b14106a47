#pragma once
#include <optional>

#include "puzzles/sudoku/solver.h"

namespace trm {

struct SudokuPuzzle {
  SudokuBoard question, answer;
  int rating = 0;  // SudokuSearch::guesses of the question
};

/// A puzzle with one solution from which no clue can be taken away, rated at least `min_rating`: holes are dug into a
/// random solution, then clues are given back and others dug out as long as that makes it harder. Nothing where `tries`
/// such starts do not reach the rating.
std::optional<SudokuPuzzle> generate_sudoku(SudokuSolver& solver, SplitMix64& random, int min_rating, int tries = 1000);

}  // namespace trm
