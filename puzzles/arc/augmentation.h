#pragma once
#include <array>
#include <string>
#include <utility>

#include "data/random.h"
#include "puzzles/arc/grid.h"

namespace trm {

/// A dihedral symmetry after a permutation of the colours that keeps 0.
struct ArcAugmentation {
  int dihedral = 0;
  std::array<uint8_t, arc_colours> colours = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};  // colour → colour

  static ArcAugmentation draw(SplitMix64& random);

  ArcGrid apply(const ArcGrid& grid) const;
  ArcGrid undo(const ArcGrid& grid) const;

  bool operator==(const ArcAugmentation&) const = default;
};

/// The name of an augmented puzzle in identifiers.json: "id|||t3|||0142536789".
std::string arc_name(const std::string& id, const ArcAugmentation& augmentation);

/// The task's id and the augmentation of such a name; a name without augmentation has the identity. Throws PuzzleError.
std::pair<std::string, ArcAugmentation> parse_arc_name(const std::string& name);

}  // namespace trm
