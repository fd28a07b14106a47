#pragma once
// Mazes: square grids over "# SGo" (wall, space, start, goal, path), token = index + 1. The answer marks a shortest
// path.
#include "puzzles/characters.h"

namespace trm {

inline constexpr int maze_vocab_size = 6;
namespace maze_token {
inline constexpr int32_t wall = 1, space = 2, start = 3, goal = 4, path = 5;
}

extern const Alphabet maze_alphabet;

/// Null where the vocabulary is another one or the cells make no square.
std::unique_ptr<const PuzzleKind> make_maze(int vocab_size, int seq_len);

/// Shortest paths from S to G, over spaces and marked cells. Moves go to the four neighbours.
struct ShortestPaths {
  int length = -1;  // moves; -1: there is no way
  Answers count = Answers::none;
  std::vector<int32_t> marked;  // the grid [side · side] with one of them marked, other marks removed
};
ShortestPaths shortest_paths(std::span<const int32_t> tokens, int side);

/// Moves from a cell to each cell [side · side]; -1 where there is no way.
std::vector<int> maze_distances(std::span<const int32_t> tokens, int side, int from);

/// "" where the grid has one start, one goal and nothing but cells of mazes, else what is wrong, with its place.
std::string maze_fault(std::span<const int32_t> tokens, int side);

}  // namespace trm
