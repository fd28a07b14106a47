#include "data/example_set.h"

#include <algorithm>

#include "data/error.h"
#include "data/files.h"

namespace trm {
namespace {

constexpr int32_t kIgnore = -100;  // what the losses leave out

[[noreturn]] void fail(const NpyArray& array, const std::string& what) {
  throw DataError(quoted(array.path()) + ": " + what);
}

std::string shape_text(const NpyArray& array) {
  std::string text;
  for (const uint64_t extent : array.shape()) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

NpyArray open_array(const std::filesystem::path& split_folder, const std::string& set, const char* field) {
  const auto path = split_folder / (set + "__" + field + ".npy");
  if (!std::filesystem::exists(path)) {
    throw DataError(quoted(path) + " is missing, though dataset.json lists the set '" + set +
                    "'; build the dataset again");
  }
  return NpyArray::open(path);
}

/// [count + 1] increasing positions from 0 to `total`; strictly so where an entry may not be empty.
std::vector<uint64_t> index_array(const NpyArray& array, uint64_t total, const char* what, bool may_be_empty) {
  if (array.shape().size() != 1 || array.size() == 0) {
    fail(array, "its shape is " + shape_text(array) + "; one dimension of at least one element is needed");
  }
  const std::vector<int64_t> values = array.read_all();
  if (values.front() != 0) fail(array, "its first element is " + std::to_string(values.front()) + ", not 0");
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) {
      fail(array, "element " + std::to_string(i) + " is " + std::to_string(values[i]) + ", less than the one before (" +
                      std::to_string(values[i - 1]) + ")");
    }
    if (!may_be_empty && values[i] == values[i - 1]) {
      fail(array, "entry " + std::to_string(i - 1) + " holds no " + what);
    }
  }
  if (static_cast<uint64_t>(values.back()) != total) {
    fail(array, "its last element is " + std::to_string(values.back()) + ", but there are " + std::to_string(total) +
                    " " + what + "s");
  }
  return {values.begin(), values.end()};
}

void check_examples_shape(const NpyArray& array, const Metadata& metadata, uint64_t examples) {
  const bool right = array.shape().size() == 2 && array.shape()[0] == examples &&
                     array.shape()[1] == static_cast<uint64_t>(metadata.seq_len);
  if (!right) {
    fail(array, "its shape is " + shape_text(array) + "; [" + std::to_string(examples) + ", " +
                    std::to_string(metadata.seq_len) + "] (examples, seq_len of dataset.json) is needed");
  }
}

[[noreturn]] void outside_vocabulary(const NpyArray& array, const char* what, uint64_t row, size_t column,
                                     int64_t value, const Metadata& metadata) {
  std::string range = "0…" + std::to_string(metadata.vocab_size - 1);
  if (what == std::string("label") && metadata.ignore_label_id) {
    range += ", or " + std::to_string(*metadata.ignore_label_id) + " to be ignored";
  }
  fail(array, "row " + std::to_string(row) + ", column " + std::to_string(column) + ": " + what + " " +
                  std::to_string(value) + " is outside the vocabulary (" + range + ")");
}

}  // namespace

ExampleSet ExampleSet::open(const std::filesystem::path& split_folder, const std::string& file_name,
                            const Metadata& metadata) {
  ExampleSet set;
  set.name = file_name;
  set.metadata = metadata;
  set.inputs = open_array(split_folder, file_name, "inputs");
  set.labels = open_array(split_folder, file_name, "labels");
  const uint64_t examples = set.inputs.shape().empty() ? 0 : set.inputs.shape()[0];
  if (examples > 0 || set.inputs.shape().size() != 1) {  // numpy writes an empty list as shape [0]
    check_examples_shape(set.inputs, metadata, examples);
    check_examples_shape(set.labels, metadata, examples);
  }

  const NpyArray identifiers = open_array(split_folder, file_name, "puzzle_identifiers");
  if (identifiers.shape().size() != 1) fail(identifiers, "its shape is " + shape_text(identifiers) + ", not [puzzles]");
  for (const int64_t id : identifiers.read_all()) {
    if (id < 0 || id > INT32_MAX) {
      fail(identifiers,
           "puzzle " + std::to_string(set.puzzle_identifiers.size()) + " has the identifier " + std::to_string(id));
    }
    set.puzzle_identifiers.push_back(static_cast<int32_t>(id));
  }
  set.puzzle_indices =
      index_array(open_array(split_folder, file_name, "puzzle_indices"), examples, "example", /*may_be_empty=*/true);
  if (set.puzzles() != set.puzzle_identifiers.size()) {
    fail(identifiers, "it has " + std::to_string(set.puzzle_identifiers.size()) + " puzzles, puzzle_indices has " +
                          std::to_string(set.puzzles()));
  }
  set.group_indices = index_array(open_array(split_folder, file_name, "group_indices"), set.puzzles(), "puzzle",
                                  /*may_be_empty=*/false);
  return set;
}

uint64_t ExampleSet::puzzle_of(uint64_t example) const {
  const auto after = std::upper_bound(puzzle_indices.begin(), puzzle_indices.end(), example);
  return static_cast<uint64_t>(after - puzzle_indices.begin()) - 1;
}

void ExampleSet::read_example(uint64_t example, std::span<int32_t> inputs_out, std::span<int32_t> labels_out) const {
  const auto width = static_cast<size_t>(metadata.seq_len);
  const int64_t vocab_size = metadata.vocab_size;
  thread_local std::vector<int64_t> row;
  row.resize(width);

  inputs.read(example * width, row);
  for (size_t i = 0; i < width; ++i) {
    if (row[i] < 0 || row[i] >= vocab_size) outside_vocabulary(inputs, "input", example, i, row[i], metadata);
    inputs_out[i] = static_cast<int32_t>(row[i]);
  }
  labels.read(example * width, row);
  const int64_t ignored = metadata.ignore_label_id.value_or(kIgnore);
  for (size_t i = 0; i < width; ++i) {
    if (row[i] == ignored || row[i] == kIgnore) {
      labels_out[i] = kIgnore;
    } else if (row[i] < 0 || row[i] >= vocab_size) {
      outside_vocabulary(labels, "label", example, i, row[i], metadata);
    } else {
      labels_out[i] = static_cast<int32_t>(row[i]);
    }
  }
}

void ExampleSet::check_all_examples() const {
  std::vector<int32_t> input(static_cast<size_t>(metadata.seq_len)), label(input.size());
  for (uint64_t example = 0; example < examples(); ++example) read_example(example, input, label);
}

}  // namespace trm
