#pragma once
// The eight symmetries of a rectangle, numbered as in the Python project: 0 identity, 1..3 rotations by 90°
// counter-clockwise, 4 left-right flip, 5 up-down flip, 6 transpose, 7 left-right flip of rotation 1.
#include <memory>

#include "puzzles/puzzle_kind.h"

namespace trm {

inline constexpr int dihedral_count = 8;

/// Whether rows become columns.
bool dihedral_turns(int id);
/// The one that undoes it.
int dihedral_inverse(int id);
/// Where cell (row, column) of the result comes from: an index into the source, rows × columns.
int dihedral_source(int id, int rows, int columns, int row, int column);

/// On square puzzles of side × side cells.
std::unique_ptr<Symmetry> dihedral_symmetry(int id, int side);

}  // namespace trm
