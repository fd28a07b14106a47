#pragma once
#include "puzzles/grid_build.h"

namespace trm {

/// Boards with one solution each, from CSV files or generated. Generated ones have up to half of their cells given;
/// with min_difficulty no clue of theirs can be taken away.
struct SudokuBuild : GridBuild {
  int size = 9;     // of generated boards: 4, 6 or 9
  int num_aug = 0;  // images beside each training board
};

/// Throws PuzzleError naming file and line, DataError.
void build_sudoku(const SudokuBuild& build);

}  // namespace trm
