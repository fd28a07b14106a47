#include "generate/puzzle_grid.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace trm {
namespace {

bool has_colours(const PuzzleKind& kind, std::span<const int32_t> cells) {
  return std::any_of(cells.begin(), cells.end(), [&](int32_t token) { return kind.look(token).colour.has_value(); });
}

/// The nearest of the 6 × 6 × 6 colours that terminals number from 16 on.
int palette_index(uint32_t rgb) {
  const auto level = [&](int shift) {
    const int value = static_cast<int>(rgb >> shift & 255);
    return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
  };
  return 16 + 36 * level(16) + 6 * level(8) + level(0);
}

bool is_dark(uint32_t rgb) { return 299 * (rgb >> 16 & 255) + 587 * (rgb >> 8 & 255) + 114 * (rgb & 255) < 128000; }

/// Two columns wide, on the cell's own colour. Letters show; what the colour tells already does not.
std::string coloured_cell(const CellLook& look, bool changed) {
  if (!look.colour) return "  ";
  const bool letter = std::isalpha(static_cast<unsigned char>(look.character)) != 0;
  const std::string text = changed ? std::string("◆ ") : letter ? std::string{look.character, ' '} : std::string("  ");
  return "\x1b[1;" + std::string(is_dark(*look.colour) ? "97" : "30") + ";48;5;" +
         std::to_string(palette_index(*look.colour)) + "m" + text + "\x1b[0m";
}

std::string written_cell(char character, bool given, bool changed, bool colour) {
  const std::string cell(1, character);
  if (!colour) return (changed ? "*" : " ") + cell;
  return std::string(" ") + (changed ? "\x1b[7m" : given ? "\x1b[1m" : "\x1b[36m") + cell + "\x1b[0m";
}

}  // namespace

GridSize drawn_size(const PuzzleKind& kind, const std::vector<std::span<const int32_t>>& states) {
  GridSize size;
  for (const auto& cells : states) {
    const bool colours = has_colours(kind, cells);
    for (int cell = 0; cell < kind.cells(); ++cell) {
      if (colours && !kind.look(cells[static_cast<size_t>(cell)]).colour) continue;
      size.rows = std::max(size.rows, cell / kind.columns() + 1);
      size.columns = std::max(size.columns, cell % kind.columns() + 1);
    }
  }
  return size;
}

bool colour_wanted() {
  const char* refused = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (!refused || !*refused);
}

std::string draw_grid(const PuzzleKind& kind, const Puzzle& puzzle, std::span<const int32_t> answer,
                      std::span<const int32_t> before, bool colour) {
  const bool colours = colour && has_colours(kind, answer);
  const GridSize size = drawn_size(kind, {answer});
  const GridSize box = {kind.box().rows, kind.box().columns};
  std::string text;
  for (int row = 0; row < size.rows; ++row) {
    if (!colours && box.rows > 0 && row > 0 && row % box.rows == 0) {
      for (int column = 0; column < size.columns; ++column)
        text.append(column > 0 && column % box.columns == 0 ? "-+" : "").append("--");
      text += "\n";
    }
    for (int column = 0; column < size.columns; ++column) {
      const auto cell = static_cast<size_t>(row * kind.columns() + column);
      const bool changed = !before.empty() && before[cell] != answer[cell];
      const CellLook look = kind.look(answer[cell]);
      if (colours) {
        text += coloured_cell(look, changed);
        continue;
      }
      if (box.columns > 0 && column > 0 && column % box.columns == 0) text += " |";
      text += written_cell(look.character, !kind.is_free(puzzle.tokens[cell]), changed, colour);
    }
    text += "\n";
  }
  return text;
}

}  // namespace trm
