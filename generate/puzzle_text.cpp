#include "generate/puzzle_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace trm {
namespace {

constexpr std::string_view sudoku_cells = ".123456789", maze_cells = "# SGo";
constexpr int32_t sudoku_blank = 1, maze_space = 2;

int side_of(int cells) {
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(cells))));
  return side * side == cells ? side : 0;
}

std::string_view cells_of(PuzzleKind kind) { return kind == PuzzleKind::sudoku ? sudoku_cells : maze_cells; }

struct Line {
  size_t number;  // from 1
  std::string_view text;
};

/// Without line ends; empty lines before and after are left out.
std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() || !lines.empty()) lines.push_back({number, line});
  }
  while (!lines.empty() && lines.back().text.empty()) lines.pop_back();
  return lines;
}

std::string at(const std::string& name, size_t line, size_t character) {
  return name + ", line " + std::to_string(line) + ", character " + std::to_string(character + 1) + ": ";
}

std::optional<int32_t> cell_token(PuzzleKind kind, char cell) {
  if (kind == PuzzleKind::sudoku && cell == '0') return sudoku_blank;
  const size_t index = cells_of(kind).find(cell);
  if (index == std::string_view::npos) return std::nullopt;
  return static_cast<int32_t>(index) + 1;
}

std::string shown(char cell) {
  const auto code = static_cast<unsigned char>(cell);
  if (cell == ' ') return "a space";
  return code > 0x20 && code < 0x7f ? std::string{'\'', cell, '\''} : "byte " + std::to_string(code);
}

void read_cells(const std::vector<Line>& lines, const std::string& name, int seq_len, Puzzle& puzzle) {
  const auto side = static_cast<size_t>(side_of(seq_len)), cells = static_cast<size_t>(seq_len);
  const std::string takes = "one line of " + std::to_string(cells) + " characters or " + std::to_string(side) +
                            " lines of " + std::to_string(side);
  // What is there decides which of the two forms is meant.
  const size_t width = lines.size() == 1 ? cells : side;
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.text.size(); ++i) {
      const char cell = line.text[i];
      const auto token = cell_token(puzzle.kind, cell);
      if (!token)
        throw PuzzleError(at(name, line.number, i) + shown(cell) + "; a cell is " +
                          (puzzle.kind == PuzzleKind::sudoku ? "a digit, or . or 0 where it is blank"
                                                             : "# for a wall, a space, S, G or o"));
      puzzle.tokens.push_back(*token);
    }
    if (line.text.size() != width)
      throw PuzzleError(name + ", line " + std::to_string(line.number) + ": it has " +
                        std::to_string(line.text.size()) + " characters, " + std::to_string(width) +
                        " are needed: " + takes);
    puzzle.lines.push_back(width);
  }
  if (puzzle.tokens.size() != cells)
    throw PuzzleError(name + ": it has " + std::to_string(lines.size()) + " lines; the puzzle is " + takes);
}

void read_ids(const std::vector<Line>& lines, const std::string& name, int vocab_size, int seq_len, Puzzle& puzzle) {
  for (const Line& line : lines) {
    size_t count = 0;
    for (size_t start = line.text.find_first_not_of(" \t"); start != std::string_view::npos;) {
      const size_t end = std::min(line.text.find_first_of(" \t", start), line.text.size());
      const std::string word(line.text.substr(start, end - start));
      int32_t id = -1;
      const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
      if (error != std::errc{} || stop != word.data() + word.size() || id < 0 || id >= vocab_size)
        throw PuzzleError(at(name, line.number, start) + "'" + word + "' is not a token id from 0 to " +
                          std::to_string(vocab_size - 1));
      puzzle.tokens.push_back(id);
      ++count;
      start = line.text.find_first_not_of(" \t", end);
    }
    if (count > 0) puzzle.lines.push_back(count);
  }
  if (puzzle.tokens.size() != static_cast<size_t>(seq_len))
    throw PuzzleError(name + ": it has " + std::to_string(puzzle.tokens.size()) + " token ids, " +
                      std::to_string(seq_len) + " are needed");
}

std::string place(size_t cell, size_t side) {
  return "row " + std::to_string(cell / side + 1) + ", column " + std::to_string(cell % side + 1);
}

std::string broken_sudoku_rule(std::span<const int32_t> cells) {
  for (size_t cell = 0; cell < cells.size(); ++cell)
    if (cells[cell] < 2) return "a cell is left blank (" + place(cell, 9) + ")";
  const auto twice = [&](const std::string& unit, size_t number, auto&& cell_of) -> std::string {
    std::vector<bool> found(11);
    for (size_t i = 0; i < 9; ++i) {
      const int32_t token = cells[cell_of(i)];
      if (found[static_cast<size_t>(token)])
        return unit + " " + std::to_string(number + 1) + " has two of " + std::to_string(token - 1);
      found[static_cast<size_t>(token)] = true;
    }
    return "";
  };
  for (size_t n = 0; n < 9; ++n) {
    std::string broken = twice("row", n, [n](size_t i) { return n * 9 + i; });
    if (broken.empty()) broken = twice("column", n, [n](size_t i) { return i * 9 + n; });
    if (broken.empty()) broken = twice("box", n, [n](size_t i) { return (n / 3 * 3 + i / 3) * 9 + n % 3 * 3 + i % 3; });
    if (!broken.empty()) return broken;
  }
  return "";
}

std::string broken_maze_rule(std::span<const int32_t> cells, size_t side) {
  constexpr int32_t start = 3, goal = 4, path = 5;
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
    if (cells[cell] == goal) return "";
    if (cells[cell] != path && cells[cell] != start) continue;
    if (row > 0) reach(cell - side);
    if (row + 1 < side) reach(cell + side);
    if (column > 0) reach(cell - 1);
    if (column + 1 < side) reach(cell + 1);
  }
  return "no path leads from S to G";
}

}  // namespace

PuzzleKind puzzle_kind(int vocab_size, int seq_len) {
  if (vocab_size == 11 && seq_len == 81) return PuzzleKind::sudoku;
  return vocab_size == 6 && side_of(seq_len) > 0 ? PuzzleKind::maze : PuzzleKind::tokens;
}

std::string describe_puzzle(PuzzleKind kind, int vocab_size, int seq_len) {
  const std::string side = std::to_string(side_of(seq_len));
  switch (kind) {
    case PuzzleKind::sudoku:
      return "a sudoku of 9 × 9 cells";
    case PuzzleKind::maze:
      return "a maze of " + side + " × " + side + " cells";
    default:
      return std::to_string(seq_len) + " token ids from 0 to " + std::to_string(vocab_size - 1);
  }
}

Puzzle read_puzzle(std::string_view text, const std::string& name, int vocab_size, int seq_len) {
  Puzzle puzzle;
  puzzle.kind = puzzle_kind(vocab_size, seq_len);
  const std::vector<Line> lines = split_lines(text);
  if (lines.empty())
    throw PuzzleError(name + ": it is empty; " + describe_puzzle(puzzle.kind, vocab_size, seq_len) + " is needed");
  if (puzzle.kind == PuzzleKind::tokens)
    read_ids(lines, name, vocab_size, seq_len, puzzle);
  else
    read_cells(lines, name, seq_len, puzzle);
  return puzzle;
}

std::string write_solution(const Puzzle& puzzle, std::span<const int32_t> solution) {
  std::string text;
  size_t next = 0;
  for (const size_t count : puzzle.lines) {
    for (size_t i = 0; i < count; ++i, ++next) {
      const auto token = static_cast<size_t>(solution[next]);
      if (puzzle.kind == PuzzleKind::tokens)
        text.append(i > 0 ? " " : "").append(std::to_string(token));
      else
        text += token >= 1 && token <= cells_of(puzzle.kind).size() ? cells_of(puzzle.kind)[token - 1] : '?';
    }
    text += '\n';
  }
  return text;
}

std::string first_broken_rule(const Puzzle& puzzle, std::span<const int32_t> solution) {
  if (puzzle.kind == PuzzleKind::tokens) return "";
  const auto side = static_cast<size_t>(side_of(static_cast<int>(puzzle.tokens.size())));
  for (size_t cell = 0; cell < solution.size(); ++cell) {
    const int32_t given = puzzle.tokens[cell];
    const bool free = puzzle.kind == PuzzleKind::sudoku ? given == sudoku_blank : given == maze_space || given == 5;
    if (!free && solution[cell] != given) return "a given cell is changed (" + place(cell, side) + ")";
  }
  return puzzle.kind == PuzzleKind::sudoku ? broken_sudoku_rule(solution) : broken_maze_rule(solution, side);
}

}  // namespace trm
