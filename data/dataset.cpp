#include "data/dataset.h"

#include <algorithm>

#include "data/error.h"
#include "data/files.h"
#include "data/how_to_build.h"
#include "tokenizer/same_tokens.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

void check_folder(const fs::path& folder) {
  if (folder.empty()) throw DataError("data_paths has an empty name");
  if (!fs::exists(folder)) {
    throw DataError("dataset folder " + quoted(folder) + " does not exist (looked from '" +
                    fs::current_path().string() + "')" + how_to_build(folder));
  }
  if (!fs::is_directory(folder)) throw DataError(quoted(folder) + " is not a dataset folder" + how_to_build(folder));
  if (fs::exists(folder / "dataset.json") && !fs::exists(folder / "train")) {
    throw DataError(quoted(folder) + " is one split of a dataset; name the folder above it, '" +
                    fs::absolute(folder).lexically_normal().parent_path().string() + "'");
  }
}

Metadata split_metadata(const fs::path& folder, const std::string& split) {
  const fs::path file = folder / split / "dataset.json";
  if (!fs::exists(file)) {
    throw DataError(quoted(folder) + " holds no " + split + " data: " + quoted(file) + " is missing" +
                    how_to_build(folder));
  }
  return read_metadata(file);
}

std::string text(const std::optional<int32_t>& value) { return value ? std::to_string(*value) : "null"; }

/// Byte-equal, or of equal vocabulary, merges and added tokens.
bool same_tokenizer(const fs::path& a, const fs::path& b) {
  const std::string text_a = read_text_file(a / "tokenizer.json"), text_b = read_text_file(b / "tokenizer.json");
  if (text_a == text_b) return true;
  return same_tokens(Tokenizer::load(a), Tokenizer::load(b));
}

}  // namespace

Dataset Dataset::open(const std::vector<fs::path>& folders, const std::string& split, uint64_t scan_limit) {
  if (folders.empty()) throw DataError("data_paths is empty: no dataset to read" + how_to_build({}));
  Dataset dataset;
  for (size_t i = 0; i < folders.size(); ++i) {
    check_folder(folders[i]);
    dataset.add(folders[i], split, split_metadata(folders[i], split), i);
  }
  if (dataset.examples() == 0) {
    throw DataError(quoted(folders.front() / split) + " holds no examples" + how_to_build(folders.front()));
  }
  dataset.finish(scan_limit);
  return dataset;
}

std::optional<Dataset> Dataset::open_if_present(const std::vector<fs::path>& folders, const std::string& split,
                                                uint64_t scan_limit) {
  Dataset dataset;
  for (size_t i = 0; i < folders.size(); ++i) {
    check_folder(folders[i]);
    const fs::path split_folder = folders[i] / split;
    if (!fs::exists(split_folder) || (fs::is_directory(split_folder) && fs::is_empty(split_folder))) continue;
    const Metadata metadata = split_metadata(folders[i], split);
    if (metadata.total_groups > 0) dataset.add(folders[i], split, metadata, i);
  }
  if (dataset.sets_.empty() || dataset.examples() == 0) return std::nullopt;
  dataset.finish(scan_limit);
  return dataset;
}

void Dataset::add(const fs::path& folder, const std::string& split, const Metadata& metadata, size_t number) {
  if (sets_.empty()) {
    metadata_ = metadata;
    metadata_.sets.clear();
    first_folder_ = folder / split;
    metadata_.total_groups = metadata_.num_puzzle_identifiers = 0;
    metadata_.total_puzzles = 0;
    metadata_.mean_puzzle_examples = 0;
  } else {
    check_same_shape(folder / split, metadata);
    check_same_kind(folder / split, metadata);
  }
  uint64_t puzzles = 0;
  for (const std::string& name : metadata.sets) {
    ExampleSet set = ExampleSet::open(folder / split, name, metadata);
    const auto taken = [&](const std::string& candidate) {
      return std::ranges::find(metadata_.sets, candidate) != metadata_.sets.end();
    };
    for (size_t suffix = number; taken(set.name); ++suffix) set.name = name + std::to_string(suffix);
    puzzles += set.puzzles();
    metadata_.sets.push_back(set.name);
    sets_.push_back(std::move(set));
  }
  const auto own_puzzles = static_cast<int64_t>(metadata.total_puzzles.value_or(static_cast<int64_t>(puzzles)));
  metadata_.mean_puzzle_examples +=
      metadata.mean_puzzle_examples * static_cast<double>(own_puzzles);  // a sum until finish
  *metadata_.total_puzzles += own_puzzles;
  metadata_.total_groups += metadata.total_groups;
  metadata_.num_puzzle_identifiers += metadata.num_puzzle_identifiers;
  take_tokenizer(folder);
}

void Dataset::check_same_kind(const fs::path& folder, const Metadata& other) {
  if (metadata_.puzzle_kind.empty()) metadata_.puzzle_kind = other.puzzle_kind;
  if (!other.puzzle_kind.empty() && other.puzzle_kind != metadata_.puzzle_kind) {
    throw DataError("datasets do not fit together: puzzle_kind is " + metadata_.puzzle_kind + " in " +
                    quoted(first_folder_) + " and " + other.puzzle_kind + " in " + quoted(folder));
  }
}

void Dataset::check_same_shape(const fs::path& folder, const Metadata& other) const {
  const auto check = [&](const char* key, const std::string& mine, const std::string& theirs) {
    if (mine != theirs) {
      throw DataError("datasets do not fit together: " + std::string(key) + " is " + mine + " in " +
                      quoted(first_folder_) + " and " + theirs + " in " + quoted(folder));
    }
  };
  check("seq_len", std::to_string(metadata_.seq_len), std::to_string(other.seq_len));
  check("vocab_size", std::to_string(metadata_.vocab_size), std::to_string(other.vocab_size));
  check("pad_id", std::to_string(metadata_.pad_id), std::to_string(other.pad_id));
  check("ignore_label_id", text(metadata_.ignore_label_id), text(other.ignore_label_id));
  check("blank_identifier_id", std::to_string(metadata_.blank_identifier_id),
        std::to_string(other.blank_identifier_id));
}

void Dataset::take_tokenizer(const fs::path& folder) {
  const fs::path tokenizer = folder / "tokenizer";
  if (!fs::exists(tokenizer / "tokenizer.json")) return;
  if (!tokenizer_folder_) {
    tokenizer_folder_ = tokenizer;
  } else if (!same_tokenizer(*tokenizer_folder_, tokenizer)) {
    throw DataError("datasets do not fit together: the tokenizers '" + tokenizer_folder_->string() + "' and " +
                    quoted(tokenizer) +
                    " differ, so the same ids mean different texts; build the second with --tokenizer '" +
                    tokenizer_folder_->string() + "'");
  }
}

void Dataset::finish(uint64_t scan_limit) {
  // An empty dataset's mean is not needed; the sum over puzzles becomes their mean.
  metadata_.mean_puzzle_examples /= static_cast<double>(std::max<int64_t>(1, *metadata_.total_puzzles));
  uint64_t bytes = 0;
  for (const ExampleSet& set : sets_) {
    for (size_t puzzle = 0; puzzle < set.puzzle_identifiers.size(); ++puzzle) {
      if (set.puzzle_identifiers[puzzle] >= metadata_.num_puzzle_identifiers) {
        throw DataError(quoted(set.inputs.path().parent_path()) + ", set '" + set.name + "': puzzle " +
                        std::to_string(puzzle) + " has the identifier " +
                        std::to_string(set.puzzle_identifiers[puzzle]) + ", but num_puzzle_identifiers is " +
                        std::to_string(metadata_.num_puzzle_identifiers));
      }
    }
    for (const NpyArray* array : {&set.inputs, &set.labels}) {
      bytes += array->size() * static_cast<uint64_t>(array->dtype().back() - '0');
    }
  }
  if (bytes > scan_limit) return;
  for (const ExampleSet& set : sets_) set.check_all_examples();
}

uint64_t Dataset::examples() const {
  uint64_t sum = 0;
  for (const ExampleSet& set : sets_) sum += set.examples();
  return sum;
}

uint64_t Dataset::groups() const {
  uint64_t sum = 0;
  for (const ExampleSet& set : sets_) sum += set.groups();
  return sum;
}

int32_t Dataset::max_puzzle_identifier() const {
  int32_t largest = metadata_.blank_identifier_id;
  for (const ExampleSet& set : sets_) {
    for (const int32_t id : set.puzzle_identifiers) largest = std::max(largest, id);
  }
  return largest;
}

}  // namespace trm
