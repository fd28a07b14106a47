#pragma once
// Puzzles drawn as grids: in a terminal with colours, in plain text, and what of a canvas is worth drawing.
#include <span>
#include <string>
#include <vector>

#include "puzzles/puzzle_kind.h"

namespace trm {

/// The part of a puzzle's cells that is drawn, from the top left.
struct GridSize {
  int rows = 0, columns = 0;
};

/// Of several states of one puzzle: without the rows below and the columns right of all that has a look of its own
/// (the canvas around an ARC grid).
GridSize drawn_size(const PuzzleKind& kind, const std::vector<std::span<const int32_t>>& states);

/// Whether standard output is a terminal and NO_COLOR (https://no-color.org) is not set.
bool colour_wanted();

/// Lines of cells. Given cells are bold; where `before` is not empty, cells that differ from it are marked: reversed in
/// colour, with * before them in plain text.
std::string draw_grid(const PuzzleKind& kind, const Puzzle& puzzle, std::span<const int32_t> answer,
                      std::span<const int32_t> before, bool colour);

}  // namespace trm
