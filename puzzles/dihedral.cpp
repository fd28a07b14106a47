#include "puzzles/dihedral.h"

#include "puzzles/cell_symmetry.h"

namespace trm {

bool dihedral_turns(int id) { return id == 1 || id == 3 || id == 6 || id == 7; }

int dihedral_inverse(int id) { return id == 1 ? 3 : id == 3 ? 1 : id; }

int dihedral_source(int id, int rows, int columns, int row, int column) {
  const auto at = [&](int r, int c) { return r * columns + c; };
  switch (id) {
    case 1:
      return at(column, columns - 1 - row);
    case 2:
      return at(rows - 1 - row, columns - 1 - column);
    case 3:
      return at(rows - 1 - column, row);
    case 4:
      return at(row, columns - 1 - column);
    case 5:
      return at(rows - 1 - row, column);
    case 6:
      return at(column, row);
    case 7:
      return at(rows - 1 - column, columns - 1 - row);
    default:
      return at(row, column);
  }
}

std::unique_ptr<Symmetry> dihedral_symmetry(int id, int side) {
  std::vector<int32_t> from;
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) from.push_back(dihedral_source(id, side, side, row, column));
  return std::make_unique<CellSymmetry>(std::move(from), std::vector<int32_t>());
}

}  // namespace trm
