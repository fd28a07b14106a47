#include "data/split_writer.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "data/error.h"
#include "data/files.h"

namespace trm {
namespace {

std::filesystem::path made(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw DataError("cannot make the folder " + quoted(folder) + ": " + error.message());
  return folder;
}

}  // namespace

SplitWriter::SplitWriter(const std::filesystem::path& folder, const std::string& set, const Metadata& metadata,
                         std::optional<uint64_t> examples, NpyType type)
    : folder_(made(folder)),
      set_(set),
      metadata_(metadata),
      inputs_(array_path("inputs"), {examples.value_or(npy_as_many_as_come), static_cast<uint64_t>(metadata.seq_len)},
              type),
      labels_(array_path("labels"), {examples.value_or(npy_as_many_as_come), static_cast<uint64_t>(metadata.seq_len)},
              type) {}

std::filesystem::path SplitWriter::array_path(const char* field) const {
  return folder_ / (set_ + "__" + field + ".npy");
}

void SplitWriter::add(std::span<const int32_t> inputs, std::span<const int32_t> labels) {
  const auto width = static_cast<size_t>(metadata_.seq_len);
  if (inputs.size() > width || labels.size() > width) throw DataError("an example is longer than seq_len");
  const auto write = [&](NpyWriter& to, std::span<const int32_t> values, int32_t padding) {
    row_.assign(width, padding);
    std::ranges::copy(values, row_.begin());
    to.append(row_);
  };
  write(inputs_, inputs, metadata_.pad_id);
  write(labels_, labels, metadata_.ignore_label_id.value_or(-100));
  ++examples_;
}

void SplitWriter::add_rows(std::span<const uint8_t> inputs, std::span<const uint8_t> labels) {
  inputs_.append(inputs);
  labels_.append(labels);
  examples_ += inputs.size() / static_cast<size_t>(metadata_.seq_len);
}

void SplitWriter::finish(std::span<const int32_t> identifiers, std::span<const int32_t> puzzle_indices,
                         std::span<const int32_t> group_indices) {
  inputs_.finish();
  labels_.finish();
  write_npy(array_path("puzzle_identifiers"), identifiers);
  write_npy(array_path("puzzle_indices"), puzzle_indices);
  write_npy(array_path("group_indices"), group_indices);
  metadata_.total_groups = static_cast<int64_t>(group_indices.size()) - 1;
  metadata_.total_puzzles = static_cast<int64_t>(identifiers.size());
  metadata_.mean_puzzle_examples =
      static_cast<double>(examples_) / static_cast<double>(std::max<size_t>(1, identifiers.size()));
  metadata_.sets = {set_};
  write_metadata(folder_ / "dataset.json", metadata_);
}

void SplitWriter::finish_singly(std::span<const int32_t> identifiers) {
  std::vector<int32_t> indices(examples_ + 1);
  std::iota(indices.begin(), indices.end(), 0);
  finish(identifiers, indices, indices);
}

uint64_t train_count(uint64_t total, double share) {
  if (!(share > 0 && share <= 1)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%g", share);
    throw DataError(std::string("--train-split is ") + text + "; a share above 0, at most 1 is needed");
  }
  return std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(total) * share));
}

}  // namespace trm
