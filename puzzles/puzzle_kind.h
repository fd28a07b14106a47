#pragma once
// What a kind of puzzle is: alphabet, text form, rules, solver, symmetries. Programs know puzzles by this interface
// only.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/random.h"
#include "puzzles/error.h"

namespace trm {

/// One puzzle as a model takes it, and how its text was laid out.
struct Puzzle {
  std::string name;             // what messages call it: "p.txt, line 3"
  std::vector<int32_t> tokens;  // [seq_len]
  std::vector<int32_t> answer;  // [seq_len] where its text tells it (the outputs of an ARC task), else empty
  std::vector<size_t> lines;    // cells in each line of its text
};

/// A cell on a screen or a page.
struct CellLook {
  char character;                  // '?' for a token that is no cell
  std::optional<uint32_t> colour;  // 0xRRGGBB behind it, where the kind has colours of its own
};

struct BoxSize {
  int rows = 0, columns = 0;
};

/// How many answers a puzzle has by the rules. `unknown` where only examples tell the rules.
enum class Answers : uint8_t { none, one, several, unknown };

struct Solutions {
  Answers count = Answers::unknown;
  std::vector<int32_t> first;  // [seq_len] one answer, where there is one
};

/// A change of a puzzle into another one of its kind, whose answer is the same change of the answer.
/// Labels below 0 (nothing to predict) keep their value. Spans are [seq_len] and must not overlap.
class Symmetry {
 public:
  virtual ~Symmetry() = default;
  virtual void apply(std::span<const int32_t> cells, std::span<int32_t> out) const = 0;
  virtual void undo(std::span<const int32_t> cells, std::span<int32_t> out) const = 0;
};

/// A kind of puzzle at one size. Members may be called from several threads at once.
class PuzzleKind {
 public:
  virtual ~PuzzleKind() = default;

  /// As dataset.json and checkpoints have it: "sudoku".
  virtual std::string name() const = 0;
  /// "a sudoku of 9 × 9 cells"
  virtual std::string describe() const = 0;
  virtual int rows() const = 0;
  virtual int columns() const = 0;
  int cells() const { return rows() * columns(); }
  /// Boxes that are drawn apart, rows × columns of cells; 0 where there are none.
  virtual BoxSize box() const { return {}; }
  virtual CellLook look(int32_t token) const = 0;
  /// Whether an answer may differ from the puzzle where the puzzle has this token.
  virtual bool is_free(int32_t token) const = 0;

  /// The puzzles of a text, at least one; `name` is what messages call the text. Throws PuzzleError.
  virtual std::vector<Puzzle> read(std::string_view text, const std::string& name) const = 0;
  /// The text of an answer [seq_len], laid out as the puzzle's, ended by a newline.
  virtual std::string write(const Puzzle& puzzle, std::span<const int32_t> answer) const = 0;

  /// "" where an answer keeps the rules, else the first that it breaks, with its place.
  virtual std::string broken_rule(const Puzzle& puzzle, std::span<const int32_t> answer) const = 0;
  virtual Solutions solutions(std::span<const int32_t> tokens) const = 0;
  /// Whether a puzzle may have several right answers, of which its label is one.
  virtual bool several_answers() const { return false; }
  /// An answer without what does not belong to it, so that two can be compared: what lies beyond an ARC grid.
  virtual std::vector<int32_t> tidy(std::span<const int32_t> answer) const { return {answer.begin(), answer.end()}; }

  /// What the setting `augment` calls augment(); empty where there is no such thing.
  virtual std::string augmentation() const = 0;
  /// Changes a training example and its labels [seq_len] in place into another one of the same task: by one of the
  /// symmetries, unless the kind knows better.
  virtual void augment(SplitMix64& random, std::span<int32_t> inputs, std::span<int32_t> labels) const;

  /// One of the kind's symmetries, each equally likely.
  virtual std::unique_ptr<Symmetry> draw_symmetry(SplitMix64& random) const = 0;
};

}  // namespace trm
