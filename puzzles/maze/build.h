#pragma once
#include "puzzles/grid_build.h"

namespace trm {

/// Square mazes, from CSV files or generated; the rating of a generated one is the length of its shortest path.
struct MazeBuild : GridBuild {
  int size = 30;                // of generated mazes
  std::optional<int> min_path;  // generated: moves of the shortest path are more; unset: 110 at size 30, by area
  bool unique = false;          // only one shortest path
  bool aug = false;             // the seven other symmetries beside each training maze
};

/// Throws PuzzleError naming file and line, DataError.
void build_maze(const MazeBuild& build);

}  // namespace trm
