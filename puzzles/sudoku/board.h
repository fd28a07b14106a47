#pragma once
// Sudoku boards of 4 × 4, 6 × 6 and 9 × 9 cells: each row, column and box holds each digit once.
#include <cstdint>
#include <optional>
#include <vector>

namespace trm {

struct SudokuShape {
  int side = 9;
  int box_rows = 3, box_columns = 3;

  int cells() const { return side * side; }
  int boxes_across() const { return side / box_columns; }
  int box_of(int cell) const { return cell / side / box_rows * boxes_across() + cell % side / box_columns; }

  /// 4 (boxes of 2 × 2), 6 (2 rows × 3 columns) or 9 (3 × 3); nothing for another side.
  static std::optional<SudokuShape> of_side(int side);
};

/// Digits row after row, [side · side]; 0 is blank.
using SudokuBoard = std::vector<uint8_t>;

}  // namespace trm
