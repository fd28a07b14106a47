#include "puzzles/sudoku/sudoku.h"

#include <algorithm>

#include "puzzles/sudoku/solver.h"

namespace trm {
namespace {

constexpr std::string_view cell_characters = ".123456789";

class Sudoku final : public PuzzleKind {
 public:
  explicit Sudoku(SudokuShape shape) : shape_(shape), alphabet_(sudoku_alphabet(shape)) {}

  std::string name() const override { return "sudoku"; }
  std::string describe() const override {
    const std::string side = std::to_string(shape_.side);
    return "a sudoku of " + side + " × " + side + " cells";
  }
  int rows() const override { return shape_.side; }
  int columns() const override { return shape_.side; }
  BoxSize box() const override { return {shape_.box_rows, shape_.box_columns}; }
  CellLook look(int32_t token) const override { return {character_of(token, alphabet_), {}}; }
  bool is_free(int32_t token) const override { return token == 1; }

  std::vector<Puzzle> read(std::string_view text, const std::string& name) const override {
    std::vector<Puzzle> puzzles = read_characters(text, name, shape_.side, alphabet_);
    if (puzzles.empty()) throw PuzzleError(name + ": it is empty; " + describe() + " is needed");
    return puzzles;
  }
  std::string write(const Puzzle& puzzle, std::span<const int32_t> answer) const override {
    return write_characters(puzzle, answer, alphabet_);
  }

  std::string broken_rule(const Puzzle& puzzle, std::span<const int32_t> answer) const override {
    for (size_t cell = 0; cell < answer.size(); ++cell)
      if (!is_free(puzzle.tokens[cell]) && answer[cell] != puzzle.tokens[cell])
        return "a given cell is changed (" + place(cell, static_cast<size_t>(shape_.side)) + ")";
    return broken_sudoku_rule(digits_of(answer), shape_, true);
  }

  Solutions solutions(std::span<const int32_t> tokens) const override {
    const SudokuSearch found = SudokuSolver(shape_).solve(digits_of(tokens));
    Solutions result;
    result.count = found.solutions == 0 ? Answers::none : found.solutions == 1 ? Answers::one : Answers::several;
    for (const uint8_t digit : found.first) result.first.push_back(digit + 1);
    return result;
  }

  std::string augmentation() const override { return "sudoku"; }
  std::unique_ptr<Symmetry> draw_symmetry(SplitMix64& random) const override {
    return draw_sudoku_symmetry(random, shape_);
  }

 private:
  /// What is no digit of this size becomes a blank.
  SudokuBoard digits_of(std::span<const int32_t> tokens) const {
    SudokuBoard board;
    for (const int32_t token : tokens)
      board.push_back(token >= 2 && token <= shape_.side + 1 ? static_cast<uint8_t>(token - 1) : uint8_t{0});
    return board;
  }

  SudokuShape shape_;
  Alphabet alphabet_;
};

}  // namespace

Alphabet sudoku_alphabet(SudokuShape shape) {
  static constexpr std::string_view what[] = {"a digit from 1 to 4, or . or 0 where it is blank",
                                              "a digit from 1 to 6, or . or 0 where it is blank",
                                              "a digit, or . or 0 where it is blank"};
  return {cell_characters.substr(0, static_cast<size_t>(shape.side) + 1), '0',
          what[shape.side == 4   ? 0
               : shape.side == 6 ? 1
                                 : 2]};
}

std::string broken_sudoku_rule(std::span<const uint8_t> board, SudokuShape shape, bool complete) {
  const auto side = static_cast<size_t>(shape.side), rows = static_cast<size_t>(shape.box_rows),
             columns = static_cast<size_t>(shape.box_columns), across = side / columns;
  if (complete) {
    const auto blank = std::find(board.begin(), board.end(), uint8_t{0});
    if (blank != board.end())
      return "a cell is left blank (" + place(static_cast<size_t>(blank - board.begin()), side) + ")";
  }
  const auto twice = [&](const char* unit, size_t number, auto&& cell_of) -> std::string {
    std::vector<bool> found(10);
    for (size_t i = 0; i < side; ++i) {
      const uint8_t digit = board[cell_of(i)];
      if (digit > 0 && found[digit])
        return std::string(unit) + " " + std::to_string(number + 1) + " has two of " + std::to_string(digit);
      found[digit] = true;
    }
    return "";
  };
  for (size_t n = 0; n < side; ++n) {
    std::string broken = twice("row", n, [&](size_t i) { return n * side + i; });
    if (broken.empty()) broken = twice("column", n, [&](size_t i) { return i * side + n; });
    if (broken.empty())
      broken = twice("box", n, [&](size_t i) {
        return (n / across * rows + i / columns) * side + n % across * columns + i % columns;
      });
    if (!broken.empty()) return broken;
  }
  return "";
}

std::unique_ptr<const PuzzleKind> make_sudoku(int vocab_size, int seq_len) {
  const auto shape = SudokuShape::of_side(side_of(seq_len));
  return shape && vocab_size == sudoku_vocab_size ? std::make_unique<Sudoku>(*shape) : nullptr;
}

}  // namespace trm
