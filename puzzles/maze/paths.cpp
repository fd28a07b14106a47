// Breadth-first search, counting shortest paths up to two.
#include <algorithm>

#include "puzzles/maze/maze.h"

namespace trm {
namespace {

using namespace maze_token;

struct Search {
  std::vector<int> distance, ways;  // -1 where not reached; ways saturate at 2
};

template <class Visit>
void for_neighbours(int cell, int side, Visit visit) {
  const int row = cell / side, column = cell % side;
  if (row > 0) visit(cell - side);
  if (column > 0) visit(cell - 1);
  if (column + 1 < side) visit(cell + 1);
  if (row + 1 < side) visit(cell + side);
}

Search search(std::span<const int32_t> tokens, int side, int from) {
  Search found{std::vector<int>(tokens.size(), -1), std::vector<int>(tokens.size(), 0)};
  std::vector<int> reached = {from};
  const auto at = [](int cell) { return static_cast<size_t>(cell); };
  found.distance[at(from)] = 0;
  found.ways[at(from)] = 1;
  for (size_t i = 0; i < reached.size(); ++i) {
    const int cell = reached[i];
    for_neighbours(cell, side, [&](int next) {
      if (tokens[at(next)] == wall) return;
      if (found.distance[at(next)] < 0) {
        found.distance[at(next)] = found.distance[at(cell)] + 1;
        reached.push_back(next);
      }
      if (found.distance[at(next)] == found.distance[at(cell)] + 1)
        found.ways[at(next)] = std::min(2, found.ways[at(next)] + found.ways[at(cell)]);
    });
  }
  return found;
}

}  // namespace

std::vector<int> maze_distances(std::span<const int32_t> tokens, int side, int from) {
  return search(tokens, side, from).distance;
}

ShortestPaths shortest_paths(std::span<const int32_t> tokens, int side) {
  const auto first = std::find(tokens.begin(), tokens.end(), start),
             last = std::find(tokens.begin(), tokens.end(), goal);
  ShortestPaths paths;
  if (first == tokens.end() || last == tokens.end()) return paths;
  const Search found = search(tokens, side, static_cast<int>(first - tokens.begin()));
  int cell = static_cast<int>(last - tokens.begin());
  paths.length = found.distance[static_cast<size_t>(cell)];
  if (paths.length < 0) return paths;
  paths.count = found.ways[static_cast<size_t>(cell)] == 1 ? Answers::one : Answers::several;
  paths.marked.assign(tokens.begin(), tokens.end());
  std::replace(paths.marked.begin(), paths.marked.end(), path, space);
  for (int left = paths.length - 1; left > 0; --left) {
    int before = -1;
    for_neighbours(cell, side, [&](int next) {
      if (before < 0 && found.distance[static_cast<size_t>(next)] == left) before = next;
    });
    cell = before;
    paths.marked[static_cast<size_t>(cell)] = path;
  }
  return paths;
}

std::string maze_fault(std::span<const int32_t> tokens, int side) {
  std::optional<size_t> starts, goals;
  for (size_t cell = 0; cell < tokens.size(); ++cell) {
    const int32_t token = tokens[cell];
    if (token < wall || token > path)
      return "a cell is no cell of a maze (" + place(cell, static_cast<size_t>(side)) + ")";
    for (auto& [kind, seen] : {std::pair{start, &starts}, std::pair{goal, &goals}}) {
      if (token != kind) continue;
      if (*seen)
        return std::string("there is a second ") + (kind == start ? "S" : "G") + " (" +
               place(cell, static_cast<size_t>(side)) + ")";
      *seen = cell;
    }
  }
  if (!starts) return "there is no S, where the path starts";
  if (!goals) return "there is no G, where the path ends";
  return "";
}

}  // namespace trm
