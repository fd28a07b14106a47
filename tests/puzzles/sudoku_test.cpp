#include "puzzles/sudoku/sudoku.h"

#include "puzzles/kinds.h"
#include "puzzles/sudoku/solver.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

const std::string solved = "534678912672195348198342567859761423426853791713924856961537284287419635345286179";
const std::string puzzle = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
/// 17 clues, minimal: without any of them there are several solutions.
const std::string minimal = "..............1.23.45..6...........4......6..1..27.........4......3.....28.9...7.";

SudokuBoard board(const std::string& text) {
  SudokuBoard digits;
  for (const char c : text) digits.push_back(c == '.' ? uint8_t{0} : static_cast<uint8_t>(c - '0'));
  return digits;
}

Tokens tokens(const std::string& text) {
  Tokens all;
  for (const uint8_t digit : board(text)) all.push_back(digit + 1);
  return all;
}

std::string broken(const std::string& given, const Tokens& answer) {
  const auto kind = puzzle_kind("sudoku", 11, 81);
  return kind->broken_rule(kind->read(given, "p").at(0), answer);
}

TEST(SudokuRules, TheFirstBrokenOneIsNamed) {
  const Tokens cells = tokens(solved);
  const std::string blank(81, '.');
  EXPECT_EQ(broken(blank, cells), "");
  EXPECT_EQ(broken(solved, cells), "");
  Tokens swapped = cells;
  std::swap(swapped[0], swapped[1]);  // the row stays right
  EXPECT_EQ(broken(blank, swapped), "column 1 has two of 3");
  EXPECT_EQ(broken(solved, swapped), "a given cell is changed (row 1, column 1)");
  Tokens holes = cells;
  holes[40] = 1;
  EXPECT_EQ(broken(blank, holes), "a cell is left blank (row 5, column 5)");
  Tokens shifted;  // each row one further: rows and columns are right, boxes are not
  for (int row = 0; row < 9; ++row)
    for (int column = 0; column < 9; ++column) shifted.push_back((row + column) % 9 + 2);
  EXPECT_EQ(broken(blank, shifted).substr(0, 5), "box 1");
}

TEST(SudokuRules, BoxesOfSixAreTwoByThree) {
  const SudokuShape six = *SudokuShape::of_side(6);
  SudokuBoard good = board("123456456123231564564231312645645312");
  EXPECT_EQ(broken_sudoku_rule(good, six, true), "");
  std::swap_ranges(good.begin() + 6, good.begin() + 12, good.begin() + 12);  // rows and columns stay right
  EXPECT_NE(broken_sudoku_rule(good, six, true).find("box"), std::string::npos);
  EXPECT_FALSE(SudokuShape::of_side(8));
}

TEST(SudokuSolver, CountsSolutions) {
  SudokuSolver solver(*SudokuShape::of_side(9));
  const SudokuSearch one = solver.solve(board(puzzle));
  EXPECT_EQ(one.solutions, 1);
  EXPECT_EQ(one.guesses, 0);
  EXPECT_EQ(one.first, board(solved));
  EXPECT_EQ(solver.solve(board(minimal)).solutions, 1);
  for (size_t cell = 0; cell < 81; ++cell) {
    if (minimal[cell] == '.') continue;
    std::string fewer = minimal;
    fewer[cell] = '.';
    EXPECT_EQ(solver.solve(board(fewer)).solutions, 2) << cell;
  }
  std::string twice = puzzle;
  twice[2] = '5';
  EXPECT_EQ(solver.solve(board(twice)).solutions, 0);
  EXPECT_EQ(solver.solve(board(std::string(81, '.')), 50).solutions, 50);
  // Consistent so far, but row 1 has no place for a 9.
  EXPECT_EQ(solver.solve(board("12345678.........9" + std::string(63, '.'))).solutions, 0);
}

TEST(SudokuSolver, ACellThatCanDifferIsTheOneASolverNeeds) {
  SudokuSolver solver(*SudokuShape::of_side(9));
  const SudokuBoard full = board(puzzle), few = board(minimal);
  for (int cell = 0; cell < 81; ++cell) {
    for (const SudokuBoard& clues : {full, few}) {
      if (clues[static_cast<size_t>(cell)] == 0) continue;
      SudokuBoard without = clues;
      without[static_cast<size_t>(cell)] = 0;
      EXPECT_EQ(solver.can_differ(clues, cell), solver.solve(without).solutions == 2) << cell;
    }
  }
}

TEST(SudokuSolver, RandomSolutionsKeepTheRulesAndDiffer) {
  for (const int side : {4, 6, 9}) {
    const SudokuShape shape = *SudokuShape::of_side(side);
    SudokuSolver solver(shape);
    SplitMix64 random(1);
    SudokuBoard before;
    for (int i = 0; i < 20; ++i) {
      const SudokuBoard drawn = solver.random_solution(random);
      EXPECT_EQ(broken_sudoku_rule(drawn, shape, true), "");
      EXPECT_NE(drawn, before);
      before = drawn;
    }
  }
}

TEST(SudokuKind, SaysHowManyAnswersThereAre) {
  const auto kind = puzzle_kind("sudoku", 11, 81);
  const Solutions one = kind->solutions(tokens(puzzle));
  EXPECT_EQ(one.count, Answers::one);
  EXPECT_EQ(one.first, tokens(solved));
  EXPECT_EQ(kind->solutions(tokens(std::string(81, '.'))).count, Answers::several);
  std::string twice = puzzle;
  twice[2] = '5';
  EXPECT_EQ(kind->solutions(tokens(twice)).count, Answers::none);
  EXPECT_EQ(puzzle_kind("sudoku", 11, 16)->solutions(Tokens(16, 1)).count, Answers::several);
}

}  // namespace
}  // namespace trm
