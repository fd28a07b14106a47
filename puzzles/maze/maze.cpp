#include "puzzles/maze/maze.h"

#include "puzzles/dihedral.h"

namespace trm {
namespace {

using namespace maze_token;

/// Whether the marked cells lead from S to G.
bool connected(std::span<const int32_t> cells, size_t side) {
  std::vector<size_t> reached;
  std::vector<bool> seen(cells.size());
  const auto reach = [&](size_t cell) {
    if (!seen[cell]) reached.push_back(cell);
    seen[cell] = true;
  };
  for (size_t cell = 0; cell < cells.size(); ++cell)
    if (cells[cell] == start) reach(cell);
  for (size_t i = 0; i < reached.size(); ++i) {
    const size_t cell = reached[i], row = cell / side, column = cell % side;
    if (cells[cell] == goal) return true;
    if (cells[cell] != path && cells[cell] != start) continue;
    if (row > 0) reach(cell - side);
    if (row + 1 < side) reach(cell + side);
    if (column > 0) reach(cell - 1);
    if (column + 1 < side) reach(cell + 1);
  }
  return false;
}

class Maze final : public PuzzleKind {
 public:
  explicit Maze(int side) : side_(side) {}

  std::string name() const override { return "maze"; }
  std::string describe() const override {
    return "a maze of " + std::to_string(side_) + " × " + std::to_string(side_) + " cells";
  }
  int rows() const override { return side_; }
  int columns() const override { return side_; }
  CellLook look(int32_t token) const override {
    static constexpr uint32_t colours[] = {0x37474f, 0xf5f5f5, 0x43a047, 0xe53935, 0xffca28};
    const char character = character_of(token, maze_alphabet);
    if (token < wall || token > path) return {character, {}};
    return {character, colours[token - 1]};
  }
  bool is_free(int32_t token) const override { return token == space || token == path; }

  std::vector<Puzzle> read(std::string_view text, const std::string& name) const override {
    std::vector<Puzzle> puzzles = read_characters(text, name, side_, maze_alphabet);
    if (puzzles.empty()) throw PuzzleError(name + ": it is empty; " + describe() + " is needed");
    return puzzles;
  }
  std::string write(const Puzzle& puzzle, std::span<const int32_t> answer) const override {
    return write_characters(puzzle, answer, maze_alphabet);
  }

  std::string broken_rule(const Puzzle& puzzle, std::span<const int32_t> answer) const override {
    const auto side = static_cast<size_t>(side_);
    int marked = 0;
    for (size_t cell = 0; cell < answer.size(); ++cell) {
      if (!is_free(puzzle.tokens[cell]) && answer[cell] != puzzle.tokens[cell])
        return "a given cell is changed (" + place(cell, side) + ")";
      if (is_free(puzzle.tokens[cell]) && !is_free(answer[cell]))
        return "a cell becomes neither space nor path (" + place(cell, side) + ")";
      marked += answer[cell] == path;
    }
    if (!connected(answer, side)) return "no path leads from S to G";
    const int shortest = shortest_paths(puzzle.tokens, side_).length;
    if (marked > shortest - 1)
      return std::to_string(marked) + " cells are marked, the shortest path has " + std::to_string(shortest - 1);
    return "";
  }

  Solutions solutions(std::span<const int32_t> tokens) const override {
    ShortestPaths paths = shortest_paths(tokens, side_);
    return {paths.count, std::move(paths.marked)};
  }

  bool several_answers() const override { return true; }
  std::string augmentation() const override { return "dihedral"; }
  std::unique_ptr<Symmetry> draw_symmetry(SplitMix64& random) const override {
    return dihedral_symmetry(static_cast<int>(random.below(dihedral_count)), side_);
  }

 private:
  int side_;
};

}  // namespace

const Alphabet maze_alphabet{"# SGo", 0, "# for a wall, a space, S, G or o"};

std::unique_ptr<const PuzzleKind> make_maze(int vocab_size, int seq_len) {
  const int side = side_of(seq_len);
  return vocab_size == maze_vocab_size && side > 1 ? std::make_unique<Maze>(side) : nullptr;
}

}  // namespace trm
