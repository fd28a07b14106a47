#include "puzzles/characters.h"

#include <algorithm>
#include <cmath>

namespace trm {
namespace {

struct Line {
  size_t number;  // from 1
  std::string_view text;
};

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back({number, line});
  }
  return lines;
}

class Reader {
 public:
  Reader(const std::string& name, int side, const Alphabet& alphabet)
      : name_(name), side_(static_cast<size_t>(side)), cells_(side_ * side_), alphabet_(alphabet) {}

  std::vector<Puzzle> read(std::string_view text) {
    const std::vector<Line> lines = split_lines(text);
    one_line_ = std::count_if(lines.begin(), lines.end(), [](const Line& line) { return !line.text.empty(); }) == 1;
    for (const Line& line : lines) {
      if (line.text.empty()) {
        end_block();
      } else if (line.text.size() == cells_ && side_ > 1) {
        end_block();
        start(line);
        append(line);
      } else {
        if (block_lines_ % side_ == 0) start(line);
        append(line);
        ++block_lines_;
      }
    }
    end_block();
    return std::move(puzzles_);
  }

 private:
  void start(const Line& line) {
    puzzles_.emplace_back();
    puzzles_.back().name = name_ + ", line " + std::to_string(line.number);
  }

  void append(const Line& line) {
    Puzzle& puzzle = puzzles_.back();
    const std::vector<int32_t> tokens =
        tokens_of(line.text, alphabet_, name_ + ", line " + std::to_string(line.number));
    puzzle.tokens.insert(puzzle.tokens.end(), tokens.begin(), tokens.end());
    const size_t width = line.text.size();
    if (width != cells_ && (one_line_ || width != side_)) {
      const size_t needed = one_line_ || width > (cells_ + side_) / 2 ? cells_ : side_;
      throw PuzzleError(name_ + ", line " + std::to_string(line.number) + ": it has " + std::to_string(width) +
                        " characters, " + std::to_string(needed) + " are needed: " + takes());
    }
    puzzle.lines.push_back(width);
  }

  void end_block() {
    if (block_lines_ % side_ != 0)
      throw PuzzleError(name_ + ": it has " + std::to_string(block_lines_) + " lines; the puzzle is " + takes());
    block_lines_ = 0;
  }

  std::string takes() const {
    return "one line of " + std::to_string(cells_) + " characters or " + std::to_string(side_) + " lines of " +
           std::to_string(side_);
  }

  const std::string& name_;
  size_t side_, cells_;
  const Alphabet& alphabet_;
  std::vector<Puzzle> puzzles_;
  bool one_line_ = false;
  size_t block_lines_ = 0;  // lines of grids since an empty line
};

}  // namespace

int side_of(int cells) {
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(cells))));
  return side * side == cells ? side : 0;
}

std::vector<Puzzle> read_characters(std::string_view text, const std::string& name, int side,
                                    const Alphabet& alphabet) {
  return Reader(name, side, alphabet).read(text);
}

std::string write_characters(const Puzzle& puzzle, std::span<const int32_t> answer, const Alphabet& alphabet) {
  std::string text;
  size_t next = 0;
  for (const size_t count : puzzle.lines) {
    for (size_t i = 0; i < count; ++i) text += character_of(answer[next++], alphabet);
    text += '\n';
  }
  return text;
}

char character_of(int32_t token, const Alphabet& alphabet) {
  const auto index = static_cast<size_t>(token) - 1;
  return token >= 1 && index < alphabet.cells.size() ? alphabet.cells[index] : '?';
}

std::optional<int32_t> token_of(char character, const Alphabet& alphabet) {
  if (alphabet.also != 0 && character == alphabet.also) return 1;
  const size_t index = alphabet.cells.find(character);
  if (index == std::string_view::npos) return std::nullopt;
  return static_cast<int32_t>(index) + 1;
}

std::vector<int32_t> tokens_of(std::string_view text, const Alphabet& alphabet, const std::string& where) {
  std::vector<int32_t> tokens;
  tokens.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto token = token_of(text[i], alphabet);
    if (!token)
      throw PuzzleError(where + ", character " + std::to_string(i + 1) + ": " + shown(text[i]) + "; a cell is " +
                        std::string(alphabet.what_a_cell_is));
    tokens.push_back(*token);
  }
  return tokens;
}

std::string shown(char character) {
  const auto code = static_cast<unsigned char>(character);
  if (character == ' ') return "a space";
  return code > 0x20 && code < 0x7f ? std::string{'\'', character, '\''} : "byte " + std::to_string(code);
}

std::string place(size_t cell, size_t side) {
  return "row " + std::to_string(cell / side + 1) + ", column " + std::to_string(cell % side + 1);
}

}  // namespace trm
