#include "puzzles/maze/generator.h"

#include <algorithm>

namespace trm {
namespace {

using namespace maze_token;

struct Carver {
  SplitMix64& random;
  int side, top, left;  // rooms are at (top + 2i, left + 2j)
  std::vector<int32_t> cells;

  Carver(SplitMix64& r, int s)
      : random(r), side(s), top(offset()), left(offset()), cells(static_cast<size_t>(s * s), wall) {}

  /// With an even side there is a line more than rooms need: on either end.
  int offset() { return side % 2 == 0 ? static_cast<int>(random.below(2)) : 0; }
  int32_t& at(int cell) { return cells[static_cast<size_t>(cell)]; }
  int some(int count) { return static_cast<int>(random.below(static_cast<uint64_t>(count))); }

  /// Rooms two cells away.
  int neighbours(int room, int (&out)[4]) const {
    const int row = room / side, column = room % side;
    int count = 0;
    if (row - 2 >= top) out[count++] = room - 2 * side;
    if (row + 2 < side) out[count++] = room + 2 * side;
    if (column - 2 >= left) out[count++] = room - 2;
    if (column + 2 < side) out[count++] = room + 2;
    return count;
  }

  /// A tree over all rooms: mostly from the newest room on (long ways), now and then from another (branches).
  void tree() {
    const int rooms_down = (side - top + 1) / 2, rooms_across = (side - left + 1) / 2;
    const int first = (top + 2 * some(rooms_down)) * side + left + 2 * some(rooms_across);
    std::vector<int> growing = {first};
    at(first) = space;
    while (!growing.empty()) {
      const size_t which = some(10) == 0 ? random.below(growing.size()) : growing.size() - 1;
      const int room = growing[which];
      int around[4];
      const int count = neighbours(room, around);
      int closed[4], left_over = 0;
      for (int i = 0; i < count; ++i)
        if (at(around[i]) == wall) closed[left_over++] = around[i];
      if (left_over == 0) {
        growing.erase(growing.begin() + static_cast<std::ptrdiff_t>(which));
        continue;
      }
      const int next = closed[some(left_over)];
      at((room + next) / 2) = at(next) = space;
      growing.push_back(next);
    }
  }

  /// Opens walls between rooms: ways around.
  void loops(int count) {
    const std::vector<int> all = rooms();
    for (int i = 0; i < count; ++i) {
      const int room = all[random.below(all.size())];
      int around[4];
      const int sides = neighbours(room, around);
      if (sides > 0) at((room + around[some(sides)]) / 2) = space;
    }
  }

  std::vector<int> rooms() const {
    std::vector<int> all;
    for (int row = top; row < side; row += 2)
      for (int column = left; column < side; column += 2) all.push_back(row * side + column);
    return all;
  }
};

}  // namespace

std::optional<MazePuzzle> generate_maze(SplitMix64& random, const MazeShape& shape, int tries) {
  for (int i = 0; i < tries; ++i) {
    Carver carver(random, shape.side);
    carver.tree();
    carver.loops(carver.some(1 + shape.side / 4));
    const std::vector<int> rooms = carver.rooms();
    const int from = rooms[random.below(rooms.size())];
    carver.at(from) = start;
    std::vector<int> far;
    const std::vector<int> distance = maze_distances(carver.cells, shape.side, from);
    for (const int room : rooms)
      if (distance[static_cast<size_t>(room)] > shape.min_path) far.push_back(room);
    if (far.empty()) continue;
    carver.at(far[random.below(far.size())]) = goal;
    ShortestPaths paths = shortest_paths(carver.cells, shape.side);
    if (shape.unique && paths.count != Answers::one) continue;
    return MazePuzzle{std::move(carver.cells), std::move(paths.marked), paths.length};
  }
  return std::nullopt;
}

}  // namespace trm
