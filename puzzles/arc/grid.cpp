#include "puzzles/arc/grid.h"

namespace trm {
namespace {

ArcGrid crop_from(std::span<const int32_t> canvas, int top, int left) {
  const auto token = [&](int row, int column) { return canvas[static_cast<size_t>(row * arc_side + column)]; };
  const auto is_colour = [](int32_t t) {
    return t >= arc_token::first_colour && t < arc_token::first_colour + arc_colours;
  };
  int width = arc_side - left, rows = 0, columns = 0;
  for (int row = top; row < arc_side && width > 0; ++row) {
    for (int column = 0; column < width; ++column)
      if (!is_colour(token(row, left + column))) width = column;
    const int height = row - top + 1;
    if (height * width > rows * columns) {
      rows = height;
      columns = width;
    }
  }
  ArcGrid grid{rows, columns, {}};
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column)
      grid.colours.push_back(static_cast<uint8_t>(token(top + row, left + column) - arc_token::first_colour));
  return grid;
}

}  // namespace

ArcGrid crop_canvas(std::span<const int32_t> canvas) { return crop_from(canvas, 0, 0); }

ArcGrid find_on_canvas(std::span<const int32_t> canvas, int& row, int& column) {
  row = column = arc_side;
  for (int cell = 0; cell < arc_cells; ++cell) {
    if (canvas[static_cast<size_t>(cell)] < arc_token::first_colour) continue;
    row = std::min(row, cell / arc_side);
    column = std::min(column, cell % arc_side);
  }
  if (row == arc_side) return {};
  return crop_from(canvas, row, column);
}

}  // namespace trm
