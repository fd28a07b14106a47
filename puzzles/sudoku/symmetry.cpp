#include <numeric>

#include "puzzles/cell_symmetry.h"
#include "puzzles/sudoku/sudoku.h"

namespace trm {
namespace {

/// The lines 0 … side - 1: blocks of `height` in random order, the lines in each too.
std::vector<int32_t> shuffled_lines(SplitMix64& random, int side, int height) {
  std::vector<int32_t> blocks(static_cast<size_t>(side / height)), lines;
  std::iota(blocks.begin(), blocks.end(), 0);
  random.shuffle(blocks);
  for (const int32_t block : blocks) {
    std::vector<int32_t> within(static_cast<size_t>(height));
    std::iota(within.begin(), within.end(), block * height);
    random.shuffle(within);
    lines.insert(lines.end(), within.begin(), within.end());
  }
  return lines;
}

}  // namespace

std::unique_ptr<Symmetry> draw_sudoku_symmetry(SplitMix64& random, SudokuShape shape) {
  std::vector<int32_t> digits(static_cast<size_t>(shape.side));
  std::iota(digits.begin(), digits.end(), 2);
  random.shuffle(digits);
  std::vector<int32_t> token = {0, 1};
  token.insert(token.end(), digits.begin(), digits.end());

  const bool transpose = shape.box_rows == shape.box_columns && random.below(2) == 1;
  const std::vector<int32_t> rows = shuffled_lines(random, shape.side, shape.box_rows),
                             columns = shuffled_lines(random, shape.side, shape.box_columns);
  std::vector<int32_t> from;
  from.reserve(static_cast<size_t>(shape.cells()));
  for (const int32_t row : rows)
    for (const int32_t column : columns)
      from.push_back(transpose ? column * shape.side + row : row * shape.side + column);
  return std::make_unique<CellSymmetry>(std::move(from), std::move(token));
}

}  // namespace trm
