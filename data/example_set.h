#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/metadata.h"
#include "data/npy.h"

namespace trm {

/// One set of a split: examples [0, examples()), each of a puzzle; puzzles, each of a group.
/// inputs and labels are memory-mapped; the indices are in memory.
struct ExampleSet {
  std::string name;                         ///< unique among the sets of a Dataset; metrics are logged under it
  NpyArray inputs;                          ///< [examples, seq_len]
  NpyArray labels;                          ///< [examples, seq_len]
  std::vector<int32_t> puzzle_identifiers;  ///< [puzzles]
  std::vector<uint64_t> puzzle_indices;     ///< [puzzles + 1] first example of each puzzle
  std::vector<uint64_t> group_indices;      ///< [groups + 1] first puzzle of each group
  Metadata metadata;                        ///< of its own folder

  /// Opens <split_folder>/<file_name>__*.npy and checks shapes and index arrays against each other.
  /// Throws DataError naming the file and the first place that is wrong.
  static ExampleSet open(const std::filesystem::path& split_folder, const std::string& file_name,
                         const Metadata& metadata);

  /// The dataset folder that it lies in.
  std::filesystem::path folder() const { return inputs.path().parent_path().parent_path(); }

  uint64_t examples() const { return puzzle_indices.back(); }
  uint64_t puzzles() const { return puzzle_indices.size() - 1; }
  uint64_t groups() const { return group_indices.size() - 1; }

  /// The puzzle that an example belongs to.
  uint64_t puzzle_of(uint64_t example) const;

  /// Copies one example, both spans seq_len long; labels equal to the folder's ignore_label_id (or -100) become -100.
  /// Throws DataError naming file, row, column and value for what is outside the vocabulary.
  void read_example(uint64_t example, std::span<int32_t> inputs_out, std::span<int32_t> labels_out) const;

  /// Reads every example once, for the checks of read_example.
  void check_all_examples() const;
};

}  // namespace trm
