#pragma once
// Grids of ARC, and the canvas of tokens that a model sees: 30 × 30, 0 padding, 1 the border below and right of the
// grid, colour + 2.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace trm {

inline constexpr int arc_side = 30, arc_cells = arc_side * arc_side, arc_colours = 10, arc_vocab_size = 12;
namespace arc_token {
inline constexpr int32_t padding = 0, border = 1, first_colour = 2;
}

struct ArcGrid {
  int rows = 0, columns = 0;
  std::vector<uint8_t> colours;  // [rows · columns], 0 … 9

  bool operator==(const ArcGrid&) const = default;
};

/// The canvas [arc_cells] of a grid of 1 × 1 to 30 × 30, its top left cell at (row, column).
template <class Token>
void put_on_canvas(const ArcGrid& grid, int row, int column, std::span<Token> canvas) {
  std::fill(canvas.begin(), canvas.end(), static_cast<Token>(arc_token::padding));
  const auto at = [&](int r, int c) -> Token& { return canvas[static_cast<size_t>(r * arc_side + c)]; };
  size_t next = 0;
  for (int r = 0; r < grid.rows; ++r)
    for (int c = 0; c < grid.columns; ++c)
      at(row + r, column + c) = static_cast<Token>(grid.colours[next++] + arc_token::first_colour);
  const int below = row + grid.rows, right = column + grid.columns;
  for (int c = column; below < arc_side && c < right; ++c) at(below, c) = static_cast<Token>(arc_token::border);
  for (int r = row; right < arc_side && r < below; ++r) at(r, right) = static_cast<Token>(arc_token::border);
}

/// The largest rectangle of colours from the canvas's top left: a border or padding stops it. 0 × 0 where there is
/// none.
ArcGrid crop_canvas(std::span<const int32_t> canvas);

/// As crop_canvas, from the first row and column that hold a colour; (row, column) is set to them.
ArcGrid find_on_canvas(std::span<const int32_t> canvas, int& row, int& column);

}  // namespace trm
