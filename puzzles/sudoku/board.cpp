#include "puzzles/sudoku/board.h"

namespace trm {

std::optional<SudokuShape> SudokuShape::of_side(int side) {
  switch (side) {
    case 4:
      return SudokuShape{4, 2, 2};
    case 6:
      return SudokuShape{6, 2, 3};
    case 9:
      return SudokuShape{9, 3, 3};
    default:
      return std::nullopt;
  }
}

}  // namespace trm
