#include <set>

#include "puzzles/arc/augmentation.h"
#include "puzzles/dihedral.h"
#include "puzzles/kinds.h"
#include "puzzles/maze/maze.h"
#include "puzzles/sudoku/solver.h"
#include "puzzles/sudoku/sudoku.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

TEST(Dihedral, AreWhatNumpyMakesOfThem) {
  // 1 2 3
  // 4 5 6, as rot90 (1, 2, 3), fliplr, flipud, transpose, fliplr of rot90 write it
  const std::vector<Tokens> expected = {{1, 2, 3, 4, 5, 6}, {3, 6, 2, 5, 1, 4}, {6, 5, 4, 3, 2, 1}, {4, 1, 5, 2, 6, 3},
                                        {3, 2, 1, 6, 5, 4}, {4, 5, 6, 1, 2, 3}, {1, 4, 2, 5, 3, 6}, {6, 3, 5, 2, 4, 1}};
  for (int id = 0; id < dihedral_count; ++id) {
    Tokens out;
    const int rows = dihedral_turns(id) ? 3 : 2;
    for (int row = 0; row < rows; ++row)
      for (int column = 0; column < 6 / rows; ++column) out.push_back(dihedral_source(id, 2, 3, row, column) + 1);
    EXPECT_EQ(out, expected[static_cast<size_t>(id)]) << id;
  }
}

/// Draws symmetries of a solved puzzle: the puzzle's image has the answer's image, and both come back.
int distinct_images(const PuzzleKind& kind, const Tokens& tokens, const Tokens& answer) {
  std::set<Tokens> images;
  SplitMix64 random(3);
  for (int i = 0; i < 100; ++i) {
    const auto symmetry = kind.draw_symmetry(random);
    Puzzle image{"image", Tokens(tokens.size()), {}, {}};
    Tokens answered(tokens.size()), back(tokens.size());
    symmetry->apply(tokens, image.tokens);
    symmetry->apply(answer, answered);
    EXPECT_EQ(kind.broken_rule(image, answered), "");
    EXPECT_EQ(kind.solutions(image.tokens).count, kind.solutions(tokens).count);
    symmetry->undo(answered, back);
    EXPECT_EQ(back, answer);
    images.insert(image.tokens);
  }
  return static_cast<int>(images.size());
}

TEST(Symmetry, OfSudokuKeepsTheRules) {
  for (const int side : {4, 6, 9}) {
    const SudokuShape shape = *SudokuShape::of_side(side);
    const auto kind = puzzle_kind("sudoku", 11, shape.cells());
    SplitMix64 random(5);
    Tokens answer, tokens;
    for (const uint8_t digit : SudokuSolver(shape).random_solution(random)) answer.push_back(digit + 1);
    tokens = answer;
    for (size_t cell = 0; cell < tokens.size(); cell += 3) tokens[cell] = 1;
    EXPECT_GT(distinct_images(*kind, tokens, answer), 90) << side;
  }
}

TEST(Symmetry, OfMazesAreTheEightOfTheSquare) {
  const auto kind = puzzle_kind("maze", 6, 16);
  const Tokens tokens = kind->read("S   \n### \n    \nG###\n", "p").at(0).tokens;
  EXPECT_EQ(distinct_images(*kind, tokens, shortest_paths(tokens, 4).marked), 8);
}

TEST(Symmetry, OfArcKeepsTheGridsPlace) {
  const auto kind = puzzle_kind("arc", 12, 900);
  const ArcGrid grid{2, 3, {0, 1, 2, 3, 4, 0}};
  Tokens canvas(900), out(900), back(900);
  put_on_canvas<int32_t>(grid, 4, 7, canvas);
  SplitMix64 random(1);
  for (int i = 0; i < 20; ++i) {
    const auto symmetry = kind->draw_symmetry(random);
    symmetry->apply(canvas, out);
    int row = 0, column = 0;
    find_on_canvas(out, row, column);
    EXPECT_EQ(row, 4);
    EXPECT_EQ(column, 7);
    symmetry->undo(out, back);
    EXPECT_EQ(back, canvas);
  }
}

TEST(Symmetry, LeavesLabelsThatDoNotCount) {
  SplitMix64 random(2);
  const auto symmetry = draw_sudoku_symmetry(random, *SudokuShape::of_side(4));
  const Tokens ignored(16, -100);
  Tokens out(16);
  symmetry->apply(ignored, out);
  EXPECT_EQ(out, ignored);
}

}  // namespace
}  // namespace trm
