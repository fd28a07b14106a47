#pragma once
#include <optional>

#include "puzzles/sudoku/solver.h"

namespace trm {

struct SudokuPuzzle {
  SudokuBoard question, answer;
  int rating = 0;  // SudokuSearch::guesses of the question
};

/// A puzzle with one solution: holes are dug into a random one until no clue can be taken away. Without `min_rating`,
/// some clues are given back at random, up to half of the cells. With it, clues are given back and others dug out as
/// long as that makes it no easier, until the rating is reached; nothing where `tries` such starts do not get there.
std::optional<SudokuPuzzle> generate_sudoku(SudokuSolver& solver, SplitMix64& random, int min_rating, int tries = 1000);

}  // namespace trm
