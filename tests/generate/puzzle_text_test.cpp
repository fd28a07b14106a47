#include "generate/puzzle_text.h"

#include "tests/data/folders.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

const std::string solved = "534678912672195348198342567859761423426853791713924856961537284287419635345286179";
std::string in_lines(const std::string& cells, size_t width) {
  std::string text;
  for (size_t i = 0; i < cells.size(); i += width) text += cells.substr(i, width) + "\n";
  return text;
}
Puzzle sudoku(const std::string& text) { return read_puzzle(text, "p", 11, 81); }
Puzzle maze(const std::string& text) { return read_puzzle(text, "p", 6, 9); }

TEST(PuzzleText, KindsByTheirShapes) {
  EXPECT_EQ(puzzle_kind(11, 81), PuzzleKind::sudoku);
  EXPECT_EQ(puzzle_kind(6, 900), PuzzleKind::maze);
  EXPECT_EQ(puzzle_kind(6, 81), PuzzleKind::maze);
  EXPECT_EQ(puzzle_kind(6, 80), PuzzleKind::tokens);
  EXPECT_EQ(puzzle_kind(12, 900), PuzzleKind::tokens);
}

TEST(PuzzleText, Sudoku) {
  std::string text = solved;
  text[1] = '.';
  text[80] = '0';
  Tokens expected;
  for (const char c : solved) expected.push_back(c - '0' + 1);
  const Tokens solution = expected;
  expected[1] = expected[80] = 1;
  for (const std::string& form :
       {text, text + "\n", text + "\r\n", in_lines(text, 9), std::string("\n") + in_lines(text, 9) + "\n"}) {
    const Puzzle puzzle = sudoku(form);
    EXPECT_EQ(puzzle.tokens, expected);
    EXPECT_EQ(puzzle.lines.size(), form.find("\n") < 10 ? 9u : 1u);
  }
  EXPECT_EQ(write_solution(sudoku(text), solution), solved + "\n");
  EXPECT_EQ(write_solution(sudoku(in_lines(text, 9)), solution), in_lines(solved, 9));
  Tokens odd = solution;
  odd[0] = 0;
  odd[1] = 1;
  EXPECT_EQ(write_solution(sudoku(text), odd).substr(0, 4), "?.46");
}

TEST(PuzzleText, ErrorsNameThePlace) {
  EXPECT_ERROR_WITH(sudoku(solved.substr(1)), "p, line 1", "80 characters", "81 are needed");
  EXPECT_ERROR_WITH(sudoku(solved + "1"), "82 characters");
  EXPECT_ERROR_WITH(sudoku(""), "empty", "9 × 9");
  EXPECT_ERROR_WITH(sudoku("\n \n"), "line 2, character 1", "a space");
  std::string wrong = in_lines(solved, 9);
  wrong[23] = 'x';
  EXPECT_ERROR_WITH(sudoku(wrong), "p, line 3, character 4", "'x'", ". or 0");
  EXPECT_ERROR_WITH(sudoku(in_lines(solved, 9).substr(0, 80)), "p: it has 8 lines");
  EXPECT_ERROR_WITH(sudoku(in_lines(solved, 9) + solved.substr(0, 9)), "10 lines");
  EXPECT_ERROR_WITH(sudoku(in_lines(solved.substr(0, 30), 9)), "p, line 4", "3 characters", "9 are needed");
  EXPECT_ERROR_WITH(maze("###\n#\xc3#\n###"), "line 2, character 2", "byte 195");
}

TEST(PuzzleText, Maze) {
  const Puzzle puzzle = maze("S #\n  #\n#G#\n");
  EXPECT_EQ(puzzle.tokens, (Tokens{3, 2, 1, 2, 2, 1, 1, 4, 1}));
  const Tokens path{3, 5, 1, 2, 5, 1, 1, 4, 1};
  EXPECT_EQ(write_solution(puzzle, path), "So#\n o#\n#G#\n");
  EXPECT_EQ(write_solution(maze("S #  ##G#"), path), "So# o##G#\n");
  EXPECT_EQ(first_broken_rule(puzzle, path), "");
  EXPECT_EQ(first_broken_rule(puzzle, Tokens{3, 5, 1, 5, 2, 1, 1, 4, 1}), "no path leads from S to G");
  EXPECT_EQ(first_broken_rule(puzzle, Tokens{3, 5, 1, 2, 5, 5, 1, 4, 1}), "a given cell is changed (row 2, column 3)");
}

TEST(PuzzleText, TokenIds) {
  const Puzzle puzzle = read_puzzle(" 0 11\t3\n\n4 5 6\n", "p", 12, 6);
  EXPECT_EQ(puzzle.tokens, (Tokens{0, 11, 3, 4, 5, 6}));
  EXPECT_EQ(write_solution(puzzle, Tokens{1, 2, 3, 4, 5, 11}), "1 2 3\n4 5 11\n");
  EXPECT_EQ(first_broken_rule(puzzle, Tokens{1, 2, 3, 4, 5, 11}), "");
  EXPECT_ERROR_WITH(read_puzzle("1 2 3\n4 12 6", "p", 12, 6), "line 2, character 3", "'12'", "0 to 11");
  EXPECT_ERROR_WITH(read_puzzle("1 2 3\n4 -1 6", "p", 12, 6), "'-1'");
  EXPECT_ERROR_WITH(read_puzzle("1 2 3\n4 5", "p", 12, 6), "5 token ids", "6 are needed");
}

TEST(PuzzleText, SudokuRules) {
  Tokens cells;
  for (const char c : solved) cells.push_back(c - '0' + 1);
  const Puzzle blank = sudoku(std::string(81, '.'));
  EXPECT_EQ(first_broken_rule(blank, cells), "");
  EXPECT_EQ(first_broken_rule(sudoku(solved), cells), "");
  Tokens swapped = cells;
  std::swap(swapped[0], swapped[1]);  // the row stays right
  EXPECT_EQ(first_broken_rule(blank, swapped), "column 1 has two of 3");
  EXPECT_EQ(first_broken_rule(sudoku(solved), swapped), "a given cell is changed (row 1, column 1)");
  Tokens holes = cells;
  holes[40] = 1;
  EXPECT_EQ(first_broken_rule(blank, holes), "a cell is left blank (row 5, column 5)");
  Tokens shifted;  // each row one further: rows and columns are right, boxes are not
  for (int row = 0; row < 9; ++row)
    for (int column = 0; column < 9; ++column) shifted.push_back((row + column) % 9 + 2);
  EXPECT_EQ(first_broken_rule(blank, shifted).substr(0, 5), "box 1");
}

}  // namespace
}  // namespace trm
