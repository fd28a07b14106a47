#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/metadata.h"
#include "data/npy.h"

namespace trm {

/// Writes one split of one set, <folder>/{dataset.json, <set>__*.npy}, example by example.
class SplitWriter {
 public:
  /// `metadata` has pad_id, vocab_size, seq_len, identifiers; counts and set names are filled in by finish().
  /// Without a number of examples, as many as come.
  SplitWriter(const std::filesystem::path& folder, const std::string& set, const Metadata& metadata,
              std::optional<uint64_t> examples, NpyType type = NpyType::int32);

  /// At most seq_len long, int32; padded on the right with pad_id and ignore_label_id.
  void add(std::span<const int32_t> inputs, std::span<const int32_t> labels);

  /// Whole examples [n · seq_len], uint8.
  void add_rows(std::span<const uint8_t> inputs, std::span<const uint8_t> labels);

  /// num_puzzle_identifiers, where it was not known before.
  void set_identifiers(int64_t count) { metadata_.num_puzzle_identifiers = count; }

  /// Writes the index arrays and the metadata: identifiers [puzzles], puzzle_indices [puzzles + 1], group_indices
  /// [groups + 1]. Throws DataError when writing fails or the number of examples is another than announced.
  void finish(std::span<const int32_t> identifiers, std::span<const int32_t> puzzle_indices,
              std::span<const int32_t> group_indices);

  /// As finish, each example a puzzle and a group of its own.
  void finish_singly(std::span<const int32_t> identifiers);

 private:
  std::filesystem::path array_path(const char* field) const;

  std::filesystem::path folder_;
  std::string set_;
  Metadata metadata_;
  uint64_t examples_ = 0;
  NpyWriter inputs_, labels_;
  std::vector<int32_t> row_;
};

/// How many of `total` things the first share is: floor(total · share), but at least one. Throws DataError for a share
/// that is not in (0, 1].
uint64_t train_count(uint64_t total, double share);

}  // namespace trm
