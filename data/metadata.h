#pragma once
// dataset.json, as the Python TRM and HRM projects write it.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trm {

struct Metadata {
  int32_t pad_id = 0;
  std::optional<int32_t> ignore_label_id;  ///< a label that counts nowhere; becomes -100 in batches
  int32_t blank_identifier_id = 0;
  int32_t vocab_size = 0;
  int32_t seq_len = 0;
  int64_t num_puzzle_identifiers = 0;  ///< rows of the puzzle embedding table
  int64_t total_groups = 0;
  double mean_puzzle_examples = 0;
  std::optional<int64_t> total_puzzles;  ///< absent from HRM's files
  std::vector<std::string> sets;
  std::string puzzle_kind;  ///< as puzzles/kinds.h names them; absent from the Python projects' files: empty
};

/// Throws DataError naming the file and the key that is missing, of a wrong type, or out of range.
Metadata read_metadata(const std::filesystem::path& file);

/// Throws DataError when the file cannot be written.
void write_metadata(const std::filesystem::path& file, const Metadata& metadata);

/// Optimizer steps of a run, by which the learning rate is planned:
/// floor(floor(epochs · total_groups · mean_puzzle_examples / batch_size) / gradient_accumulation_steps).
uint64_t planned_steps(const Metadata& metadata, uint64_t epochs, uint64_t batch_size,
                       uint64_t gradient_accumulation_steps = 1);

}  // namespace trm
