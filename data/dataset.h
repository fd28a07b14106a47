#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/example_set.h"
#include "data/metadata.h"

namespace trm {

/// One split ("train" or "test") of one or several dataset folders of one shape: their sets follow one another.
/// Identifiers are not offset; a set whose name is taken gets its folder's number behind it ("all", "all1"), as in the
/// Python project. Const members may be called from several threads at once.
class Dataset {
 public:
  /// Throws DataError naming folder, file and what to do: something missing, folders that differ in seq_len,
  /// vocab_size, pad_id, ignore_label_id, blank_identifier_id or tokenizer, inconsistent arrays, no examples. Up to
  /// `scan_limit` bytes of inputs and labels are checked against the vocabulary here, larger data as its batches are
  /// made.
  static Dataset open(const std::vector<std::filesystem::path>& folders, const std::string& split,
                      uint64_t scan_limit = uint64_t{256} << 20);

  /// As open, but folders without this split, or with an empty one, are left out; nothing if that leaves none.
  static std::optional<Dataset> open_if_present(const std::vector<std::filesystem::path>& folders,
                                                const std::string& split, uint64_t scan_limit = uint64_t{256} << 20);

  const std::vector<ExampleSet>& sets() const { return sets_; }

  /// Of all folders together: identifiers, groups and puzzles are sums, mean_puzzle_examples is over all puzzles,
  /// sets are the names of sets().
  const Metadata& metadata() const { return metadata_; }

  uint64_t examples() const;
  uint64_t groups() const;

  /// The largest identifier in use; a puzzle embedding table needs more rows than this.
  int32_t max_puzzle_identifier() const;

  /// The folder that holds tokenizer.json, of the first dataset folder that has one (chat and text).
  const std::optional<std::filesystem::path>& tokenizer_folder() const { return tokenizer_folder_; }

 private:
  void add(const std::filesystem::path& folder, const std::string& split, const Metadata& metadata, size_t number);
  void check_same_shape(const std::filesystem::path& folder, const Metadata& metadata) const;
  void check_same_kind(const std::filesystem::path& folder, const Metadata& metadata);
  void take_tokenizer(const std::filesystem::path& folder);
  void finish(uint64_t scan_limit);

  std::vector<ExampleSet> sets_;
  Metadata metadata_;
  std::filesystem::path first_folder_;
  std::optional<std::filesystem::path> tokenizer_folder_;
};

}  // namespace trm
