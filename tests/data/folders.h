#pragma once
// Small dataset folders made of given arrays.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/metadata.h"
#include "data/npy.h"
#include "tests/temporary_folder.h"

namespace trm::testing {

inline void write_file(const std::filesystem::path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A dataset in memory; example e has inputs [e, e, …] modulo the vocabulary and labels one more.
struct Synthetic {
  std::vector<int> puzzle_sizes = {1, 1, 1};  ///< examples of each puzzle
  std::vector<int> group_sizes = {1, 1, 1};   ///< puzzles of each group
  std::string set = "all";
  Metadata metadata = [] {
    Metadata m;
    m.vocab_size = 1000;
    m.seq_len = 4;
    m.ignore_label_id = 0;
    m.num_puzzle_identifiers = 100;
    return m;
  }();

  void write(const std::filesystem::path& folder, const std::string& split = "train") const {
    const auto at = folder / split;
    std::filesystem::create_directories(at);
    const auto array = [&](const char* field) { return at / (set + "__" + field + ".npy"); };
    std::vector<int32_t> ids, puzzle_indices = {0}, group_indices = {0}, inputs, labels;
    for (const int size : puzzle_sizes) {
      ids.push_back(static_cast<int32_t>(ids.size()) + 1);
      puzzle_indices.push_back(puzzle_indices.back() + size);
    }
    for (const int size : group_sizes) group_indices.push_back(group_indices.back() + size);
    const int32_t examples = puzzle_indices.back();
    for (int32_t example = 0; example < examples; ++example) {
      for (int32_t i = 0; i < metadata.seq_len; ++i) {
        inputs.push_back(example % metadata.vocab_size);
        labels.push_back((example + 1) % metadata.vocab_size);
      }
    }
    for (const auto& [field, values] : {std::pair{"inputs", inputs}, std::pair{"labels", labels}}) {
      NpyWriter writer(array(field), {static_cast<uint64_t>(examples), static_cast<uint64_t>(metadata.seq_len)});
      writer.append(values);
      writer.finish();
    }
    write_npy(array("puzzle_identifiers"), ids);
    write_npy(array("puzzle_indices"), puzzle_indices);
    write_npy(array("group_indices"), group_indices);
    Metadata whole = metadata;
    whole.sets = {set};
    whole.total_groups = static_cast<int64_t>(group_sizes.size());
    whole.total_puzzles = static_cast<int64_t>(puzzle_sizes.size());
    whole.mean_puzzle_examples = static_cast<double>(examples) / static_cast<double>(puzzle_sizes.size());
    write_metadata(at / "dataset.json", whole);
  }
};

/// n puzzles of one example, each a group of its own: what the chat builder writes.
inline Synthetic single_examples(int n) {
  Synthetic synthetic;
  synthetic.puzzle_sizes.assign(static_cast<size_t>(n), 1);
  synthetic.group_sizes.assign(static_cast<size_t>(n), 1);
  synthetic.metadata.num_puzzle_identifiers = n + 1;
  return synthetic;
}

/// The message of the exception that `action` throws; empty if it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace trm::testing

/// The action throws, and its message has all of these parts.
#define EXPECT_ERROR_WITH(action, ...)                                                                           \
  do {                                                                                                           \
    const std::string trm_message = trm::testing::error_of([&] { action; });                                     \
    for (const auto& trm_part : std::vector<std::string>{__VA_ARGS__}) {                                         \
      EXPECT_NE(trm_message.find(trm_part), std::string::npos) << "no '" << trm_part << "' in: " << trm_message; \
    }                                                                                                            \
  } while (0)
