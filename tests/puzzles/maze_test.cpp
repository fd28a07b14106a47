#include "puzzles/maze/maze.h"

#include "puzzles/kinds.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

struct Read {
  std::unique_ptr<const PuzzleKind> kind;
  Puzzle puzzle;

  explicit Read(const std::string& text) {
    const int side = static_cast<int>(text.find('\n'));
    kind = puzzle_kind("maze", 6, side * side);
    puzzle = kind->read(text, "p").at(0);
  }
  Tokens tokens(const std::string& text) const { return kind->read(text, "a").at(0).tokens; }
};

TEST(MazeRules, AnAnswerIsAShortestPath) {
  const Read maze("S #\n  #\n#G#\n");
  const auto broken = [&](const Tokens& answer) { return maze.kind->broken_rule(maze.puzzle, answer); };
  EXPECT_EQ(broken({3, 5, 1, 2, 5, 1, 1, 4, 1}), "");
  EXPECT_EQ(broken({3, 2, 1, 5, 5, 1, 1, 4, 1}), "");
  EXPECT_EQ(broken({3, 5, 1, 5, 2, 1, 1, 4, 1}), "no path leads from S to G");
  EXPECT_EQ(broken({3, 5, 1, 2, 5, 5, 1, 4, 1}), "a given cell is changed (row 2, column 3)");
  EXPECT_EQ(broken({3, 5, 1, 5, 5, 1, 1, 4, 1}), "3 cells are marked, the shortest path has 2");
  EXPECT_EQ(broken({3, 1, 1, 5, 5, 1, 1, 4, 1}), "a cell becomes neither space nor path (row 1, column 2)");
}

TEST(MazePaths, CountsShortestOnes) {
  const Read one("S   \n### \n    \nG###\n"), several("S  G\n    \n    \n####\n"), two("S   \n #  \n   G\n####\n"),
      none("S#  \n##  \n   G\n####\n");
  const auto count = [](const Read& maze) { return maze.kind->solutions(maze.puzzle.tokens).count; };
  EXPECT_EQ(count(one), Answers::one);
  EXPECT_EQ(count(several), Answers::one);
  EXPECT_EQ(count(two), Answers::several);
  EXPECT_EQ(count(none), Answers::none);
  const ShortestPaths paths = shortest_paths(one.puzzle.tokens, 4);
  EXPECT_EQ(paths.length, 9);
  EXPECT_EQ(paths.marked, one.tokens("Sooo\n###o\noooo\nG###\n"));
  EXPECT_EQ(two.kind->broken_rule(two.puzzle, two.kind->solutions(two.puzzle.tokens).first), "");
}

TEST(MazeFaults, NameThePlace) {
  const Read maze("S #\n  #\n#G#\n");
  EXPECT_EQ(maze_fault(maze.puzzle.tokens, 3), "");
  Tokens cells = maze.puzzle.tokens;
  cells[4] = 4;
  EXPECT_EQ(maze_fault(cells, 3), "there is a second G (row 3, column 2)");
  cells = maze.puzzle.tokens;
  cells[0] = 2;
  EXPECT_EQ(maze_fault(cells, 3), "there is no S, where the path starts");
  cells[0] = 0;
  EXPECT_EQ(maze_fault(cells, 3), "a cell is no cell of a maze (row 1, column 1)");
}

}  // namespace
}  // namespace trm
