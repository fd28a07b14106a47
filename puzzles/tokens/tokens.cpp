#include "puzzles/tokens/tokens.h"

#include <algorithm>
#include <charconv>

#include "puzzles/cell_symmetry.h"

namespace trm {
namespace {

class Tokens final : public PuzzleKind {
 public:
  Tokens(int vocab_size, int seq_len) : vocab_size_(vocab_size), seq_len_(seq_len) {}

  std::string name() const override { return "tokens"; }
  std::string describe() const override {
    return std::to_string(seq_len_) + " token ids from 0 to " + std::to_string(vocab_size_ - 1);
  }
  int rows() const override { return 1; }
  int columns() const override { return seq_len_; }
  CellLook look(int32_t) const override { return {'?', {}}; }
  bool is_free(int32_t) const override { return true; }

  std::vector<Puzzle> read(std::string_view text, const std::string& name) const override {
    Puzzle puzzle;
    puzzle.name = name;
    for (size_t number = 1; !text.empty(); ++number) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (const size_t count = read_line(text.substr(0, end), number, puzzle)) puzzle.lines.push_back(count);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (puzzle.tokens.empty()) throw PuzzleError(name + ": it is empty; " + describe() + " are needed");
    if (puzzle.tokens.size() != static_cast<size_t>(seq_len_))
      throw PuzzleError(name + ": it has " + std::to_string(puzzle.tokens.size()) + " token ids, " +
                        std::to_string(seq_len_) + " are needed");
    return {puzzle};
  }

  std::string write(const Puzzle& puzzle, std::span<const int32_t> answer) const override {
    std::string text;
    size_t next = 0;
    for (const size_t count : puzzle.lines) {
      for (size_t i = 0; i < count; ++i) text.append(i > 0 ? " " : "").append(std::to_string(answer[next++]));
      text += '\n';
    }
    return text;
  }

  std::string broken_rule(const Puzzle&, std::span<const int32_t>) const override { return ""; }
  Solutions solutions(std::span<const int32_t>) const override { return {}; }

  std::string augmentation() const override { return ""; }
  std::unique_ptr<Symmetry> draw_symmetry(SplitMix64&) const override {
    std::vector<int32_t> from;
    for (int32_t i = 0; i < seq_len_; ++i) from.push_back(i);
    return std::make_unique<CellSymmetry>(std::move(from), std::vector<int32_t>());
  }

 private:
  size_t read_line(std::string_view line, size_t number, Puzzle& puzzle) const {
    constexpr const char* blanks = " \t\r";
    size_t count = 0;
    for (size_t start = line.find_first_not_of(blanks); start != std::string_view::npos;) {
      const size_t end = std::min(line.find_first_of(blanks, start), line.size());
      const std::string word(line.substr(start, end - start));
      int32_t id = -1;
      const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
      if (error != std::errc{} || stop != word.data() + word.size() || id < 0 || id >= vocab_size_)
        throw PuzzleError(puzzle.name + ", line " + std::to_string(number) + ", character " +
                          std::to_string(start + 1) + ": '" + word + "' is not a token id from 0 to " +
                          std::to_string(vocab_size_ - 1));
      puzzle.tokens.push_back(id);
      ++count;
      start = line.find_first_not_of(blanks, end);
    }
    return count;
  }

  int vocab_size_, seq_len_;
};

}  // namespace

std::unique_ptr<const PuzzleKind> make_tokens(int vocab_size, int seq_len) {
  return seq_len > 0 ? std::make_unique<Tokens>(vocab_size, seq_len) : nullptr;
}

}  // namespace trm
