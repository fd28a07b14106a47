#include "puzzles/arc/augmentation.h"

#include <algorithm>

#include "puzzles/dihedral.h"
#include "puzzles/error.h"

namespace trm {
namespace {

constexpr std::string_view separator = "|||";

ArcGrid turned(const ArcGrid& grid, int dihedral) {
  ArcGrid out{grid.rows, grid.columns, {}};
  if (dihedral_turns(dihedral)) std::swap(out.rows, out.columns);
  out.colours.reserve(grid.colours.size());
  for (int row = 0; row < out.rows; ++row)
    for (int column = 0; column < out.columns; ++column)
      out.colours.push_back(
          grid.colours[static_cast<size_t>(dihedral_source(dihedral, grid.rows, grid.columns, row, column))]);
  return out;
}

}  // namespace

ArcAugmentation ArcAugmentation::draw(SplitMix64& random) {
  ArcAugmentation drawn;
  drawn.dihedral = static_cast<int>(random.below(dihedral_count));
  for (size_t i = arc_colours - 1; i > 1; --i) std::swap(drawn.colours[i], drawn.colours[1 + random.below(i)]);
  return drawn;
}

ArcGrid ArcAugmentation::apply(const ArcGrid& grid) const {
  ArcGrid out = turned(grid, dihedral);
  for (uint8_t& colour : out.colours) colour = colours[colour];
  return out;
}

ArcGrid ArcAugmentation::undo(const ArcGrid& grid) const {
  std::array<uint8_t, arc_colours> before{};
  for (size_t i = 0; i < before.size(); ++i) before[colours[i]] = static_cast<uint8_t>(i);
  ArcGrid out = turned(grid, dihedral_inverse(dihedral));
  for (uint8_t& colour : out.colours) colour = before[colour];
  return out;
}

std::string arc_name(const std::string& id, const ArcAugmentation& augmentation) {
  std::string name = id;
  name.append(separator).append("t").append(std::to_string(augmentation.dihedral)).append(separator);
  for (const uint8_t colour : augmentation.colours) name += static_cast<char>('0' + colour);
  return name;
}

std::pair<std::string, ArcAugmentation> parse_arc_name(const std::string& name) {
  const size_t second = name.rfind(separator);
  if (second == std::string::npos) return {name, {}};
  const auto fail = [&] {
    throw PuzzleError("'" + name + "' is no name of an augmented puzzle, such as 'id|||t3|||0142536789'");
  };
  const size_t first = second == 0 ? std::string::npos : name.rfind(separator, second - 1);
  if (first == std::string::npos) fail();
  const std::string turn = name.substr(first + separator.size(), second - first - separator.size()),
                    permutation = name.substr(second + separator.size());
  ArcAugmentation augmentation;
  if (turn.size() != 2 || turn[0] != 't' || turn[1] < '0' || turn[1] > '7' || permutation.size() != arc_colours) fail();
  augmentation.dihedral = turn[1] - '0';
  std::string sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != "0123456789") fail();
  for (size_t i = 0; i < arc_colours; ++i) augmentation.colours[i] = static_cast<uint8_t>(permutation[i] - '0');
  return {name.substr(0, first), augmentation};
}

}  // namespace trm
