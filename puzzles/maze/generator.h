#pragma once
#include <optional>

#include "data/random.h"
#include "puzzles/maze/maze.h"

namespace trm {

struct MazeShape {
  int side = 30;
  int min_path = 110;   // the shortest path has more moves than that
  bool unique = false;  // only one shortest path
};

struct MazePuzzle {
  std::vector<int32_t> question, answer;
  int length = 0;  // moves of a shortest path
};

/// Rooms two cells apart joined by a random tree, then a few walls opened, so that there are ways around; start and
/// goal are rooms. Nothing where `tries` mazes have no two rooms that far apart.
std::optional<MazePuzzle> generate_maze(SplitMix64& random, const MazeShape& shape, int tries = 1000);

}  // namespace trm
