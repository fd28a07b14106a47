#pragma once
// Datasets of square puzzles, from CSV files or generated: what Sudoku and mazes have in common.
#include <optional>

#include "puzzles/build.h"
#include "puzzles/characters.h"

namespace trm {

struct GridBuild {
  BuildOutput output;
  // Either from files with the columns question, answer and, where min_difficulty is asked for, rating …
  std::optional<std::filesystem::path> input_file, test_file;
  std::optional<uint64_t> subsample_size;  // training puzzles, drawn at random; all where there are fewer
  std::optional<int> min_difficulty;       // rating at least
  // … or that many generated ones, no two the same.
  uint64_t generate = 0, test = 0;
};

struct GridExample {
  std::vector<int32_t> tokens, answer;  // [cells]
  int rating = 0;
};

/// What a builder needs to know of a kind. Members may be called from several threads at once.
class GridRecipe {
 public:
  virtual ~GridRecipe() = default;
  /// Null where there is no such size.
  virtual std::unique_ptr<const PuzzleKind> kind(int cells) const = 0;
  virtual Alphabet alphabet(int side) const = 0;
  virtual std::string sizes() const = 0;  // "16, 36 or 81 characters"
  virtual int vocab_size() const = 0;
  /// "" for a puzzle that has an answer, only one where one is needed; else what is wrong.
  virtual std::string fault(const PuzzleKind& kind, std::span<const int32_t> tokens) const = 0;

  /// Beside each training puzzle, that many images of it; `index` counts them from 0.
  virtual int augmentations() const = 0;
  virtual std::unique_ptr<Symmetry> augmentation(const PuzzleKind& kind, int index, SplitMix64& random) const = 0;

  /// The side of generated puzzles.
  virtual int side() const = 0;
  /// A puzzle and its answer. Throws PuzzleError where none of the wanted kind is found.
  virtual GridExample generate(SplitMix64& random) const = 0;
  /// What the generated are, for messages: "boards of 9 × 9".
  virtual std::string things() const = 0;
  /// Of config.json, beside what GridBuild has: "key": value, …
  virtual std::string config() const = 0;
};

/// Writes the dataset. Throws PuzzleError naming file and line, DataError for what cannot be written.
void build_grids(const GridBuild& build, const GridRecipe& recipe);

}  // namespace trm
