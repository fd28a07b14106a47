#pragma once
// Puzzles as text, and as the tokens that their datasets have.
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trm {

/// A text that is no puzzle of the model's; the message names the place.
struct PuzzleError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// sudoku: 81 characters, token = digit + 1 (. and 0 are blank). maze: a square over "# SGo", token = index + 1.
/// tokens: ids between white space.
enum class PuzzleKind : uint8_t { sudoku, maze, tokens };

/// By the shapes of the datasets: 11 tokens in 81 cells, 6 tokens in a square; anything else is read as token ids.
PuzzleKind puzzle_kind(int vocab_size, int seq_len);
/// "a sudoku (81 cells)"
std::string describe_puzzle(PuzzleKind kind, int vocab_size, int seq_len);

struct Puzzle {
  PuzzleKind kind = PuzzleKind::tokens;
  std::vector<int32_t> tokens;  // seq_len of them
  std::vector<size_t> lines;    // how many of them each line of the text held
};

/// A sudoku or a maze is one line, or lines of equal length that make a square. `name` is what messages call the text.
/// Throws PuzzleError.
Puzzle read_puzzle(std::string_view text, const std::string& name, int vocab_size, int seq_len);

/// The text of a solution, in the puzzle's lines, ended by a newline. A token that is no cell is written ?.
std::string write_solution(const Puzzle& puzzle, std::span<const int32_t> solution);

/// "" where a solution keeps the rules, else the first that it breaks: a given cell changed, a blank left, a digit
/// twice in a row, column or box; in a maze, no path from S to G. Token ids have no rules.
std::string first_broken_rule(const Puzzle& puzzle, std::span<const int32_t> solution);

}  // namespace trm
