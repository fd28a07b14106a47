#include "puzzles/kinds.h"

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

std::vector<Puzzle> read(const std::string& text, int vocab_size, int seq_len) {
  return puzzle_kind("", vocab_size, seq_len)->read(text, "p");
}
std::vector<Puzzle> sudoku(const std::string& text) { return read(text, 11, 81); }
std::vector<Puzzle> maze(const std::string& text) { return read(text, 6, 9); }
std::string written(const std::string& text, const Tokens& answer) {
  return puzzle_kind("", 11, 81)->write(sudoku(text).at(0), answer);
}

TEST(PuzzleKinds, ByNameElseByTheirShapes) {
  const auto name = [](const std::string& said, int vocab_size, int seq_len) {
    return puzzle_kind(said, vocab_size, seq_len)->name();
  };
  for (const int cells : {16, 36, 81}) EXPECT_EQ(name("", 11, cells), "sudoku");
  EXPECT_EQ(name("", 6, 900), "maze");
  EXPECT_EQ(name("", 6, 81), "maze");
  EXPECT_EQ(name("", 6, 80), "tokens");
  EXPECT_EQ(name("", 11, 64), "tokens");
  EXPECT_EQ(name("", 12, 900), "arc");
  EXPECT_EQ(name("tokens", 11, 81), "tokens");
  EXPECT_EQ(name("of a newer version", 11, 81), "sudoku");
  EXPECT_ERROR_WITH(puzzle_kind("sudoku", 11, 80), "kind sudoku", "80 cells", "vocabulary of 11");
}

TEST(PuzzleText, SudokuForms) {
  std::string text = solved;
  text[1] = '.';
  text[80] = '0';
  Tokens expected;
  for (const char c : solved) expected.push_back(c - '0' + 1);
  const Tokens solution = expected;
  expected[1] = expected[80] = 1;
  for (const std::string& form :
       {text, text + "\n", text + "\r\n", in_lines(text, 9), std::string("\n") + in_lines(text, 9) + "\n"}) {
    const std::vector<Puzzle> puzzles = sudoku(form);
    ASSERT_EQ(puzzles.size(), 1u);
    EXPECT_EQ(puzzles[0].tokens, expected);
    EXPECT_EQ(puzzles[0].lines.size(), form.find("\n") < 10 ? 9u : 1u);
  }
  EXPECT_EQ(written(text, solution), solved + "\n");
  EXPECT_EQ(written(in_lines(text, 9), solution), in_lines(solved, 9));
  Tokens odd = solution;
  odd[0] = 0;
  odd[1] = 1;
  EXPECT_EQ(written(text, odd).substr(0, 4), "?.46");
}

TEST(PuzzleText, SeveralPuzzles) {
  const auto names = [](const std::vector<Puzzle>& puzzles) {
    std::string all;
    for (const Puzzle& puzzle : puzzles) all += puzzle.name + (puzzle.tokens.size() == 81 ? ";" : "?");
    return all;
  };
  EXPECT_EQ(names(sudoku(solved + "\n" + solved + "\n\n" + solved)), "p, line 1;p, line 2;p, line 4;");
  EXPECT_EQ(names(sudoku(in_lines(solved, 9) + "\n" + in_lines(solved, 9))), "p, line 1;p, line 11;");
  EXPECT_EQ(names(sudoku(in_lines(solved, 9) + in_lines(solved, 9))), "p, line 1;p, line 10;");
  EXPECT_EQ(names(sudoku(in_lines(solved, 9) + solved)), "p, line 1;p, line 10;");
  EXPECT_ERROR_WITH(sudoku(solved + "\n" + solved.substr(2) + "\n"), "p, line 2", "79 characters", "81 are needed");
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
  EXPECT_ERROR_WITH(read("12345.......7...", 11, 16), "character 5", "'5'", "1 to 4");
}

TEST(PuzzleText, Maze) {
  const auto kind = puzzle_kind("", 6, 9);
  const std::vector<Puzzle> puzzles = maze("S #\n  #\n#G#\n");
  EXPECT_EQ(puzzles.at(0).tokens, (Tokens{3, 2, 1, 2, 2, 1, 1, 4, 1}));
  const Tokens path{3, 5, 1, 2, 5, 1, 1, 4, 1};
  EXPECT_EQ(kind->write(puzzles.at(0), path), "So#\n o#\n#G#\n");
  EXPECT_EQ(kind->write(maze("S #  ##G#").at(0), path), "So# o##G#\n");
}

TEST(PuzzleText, TokenIds) {
  const auto kind = puzzle_kind("", 12, 6);
  const Puzzle puzzle = kind->read(" 0 11\t3\n\n4 5 6\r\n", "p").at(0);
  EXPECT_EQ(puzzle.tokens, (Tokens{0, 11, 3, 4, 5, 6}));
  EXPECT_EQ(kind->write(puzzle, Tokens{1, 2, 3, 4, 5, 11}), "1 2 3\n4 5 11\n");
  EXPECT_EQ(kind->broken_rule(puzzle, Tokens{1, 2, 3, 4, 5, 11}), "");
  EXPECT_ERROR_WITH(read("1 2 3\n4 12 6", 12, 6), "line 2, character 3", "'12'", "0 to 11");
  EXPECT_ERROR_WITH(read("1 2 3\n4 -1 6", 12, 6), "'-1'");
  EXPECT_ERROR_WITH(read("1 2 3\n4 5", 12, 6), "5 token ids", "6 are needed");
}

}  // namespace
}  // namespace trm
