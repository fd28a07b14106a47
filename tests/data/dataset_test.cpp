#include "data/dataset.h"

#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using testing::single_examples;
using testing::Synthetic;
using testing::TemporaryFolder;
using testing::write_file;

class DatasetFolder : public ::testing::Test {
 protected:
  Dataset open(const std::string& split = "train") { return Dataset::open({folder_ / "d"}, split); }
  std::filesystem::path array(const std::string& field) { return folder_ / "d" / "train" / ("all__" + field + ".npy"); }
  void replace_in_metadata(const std::string& from, const std::string& to) {
    const auto file = folder_ / "d" / "train" / "dataset.json";
    std::string text = testing::read_file(file);
    ASSERT_NE(text.find(from), std::string::npos);
    write_file(file, text.replace(text.find(from), from.size(), to));
  }
  void write_rows(const std::string& field, const std::vector<int32_t>& values, uint64_t rows) {
    NpyWriter writer(array(field), {rows, values.size() / rows});
    writer.append(values);
    writer.finish();
  }
  TemporaryFolder folder_;
};

TEST_F(DatasetFolder, OpensAndReads) {
  Synthetic synthetic;
  synthetic.puzzle_sizes = {2, 1, 3};
  synthetic.group_sizes = {1, 2};
  synthetic.write(folder_ / "d");
  const Dataset dataset = open();
  EXPECT_EQ(dataset.examples(), 6u);
  EXPECT_EQ(dataset.groups(), 2u);
  EXPECT_EQ(dataset.metadata().seq_len, 4);
  EXPECT_DOUBLE_EQ(dataset.metadata().mean_puzzle_examples, 2.0);
  EXPECT_EQ(dataset.max_puzzle_identifier(), 3);
  EXPECT_FALSE(dataset.tokenizer_folder());
  const ExampleSet& set = dataset.sets().front();
  EXPECT_EQ(set.puzzle_of(1), 0u);
  EXPECT_EQ(set.puzzle_of(2), 1u);
  EXPECT_EQ(set.puzzle_of(5), 2u);
  std::vector<int32_t> inputs(4), labels(4);
  set.read_example(5, inputs, labels);
  EXPECT_EQ(inputs, (std::vector<int32_t>{5, 5, 5, 5}));
  EXPECT_EQ(labels, (std::vector<int32_t>{6, 6, 6, 6}));
}

TEST_F(DatasetFolder, IgnoredLabelsBecomeMinus100) {
  single_examples(2).write(folder_ / "d");
  write_rows("labels", {0, 7, -100, 0, 1, 2, 3, 4}, 2);
  std::vector<int32_t> inputs(4), labels(4);
  open().sets().front().read_example(0, inputs, labels);
  EXPECT_EQ(labels, (std::vector<int32_t>{-100, 7, -100, -100}));
}

TEST_F(DatasetFolder, OtherProjectsMetadataOpens) {
  single_examples(2).write(folder_ / "d");
  replace_in_metadata(",\n  \"total_puzzles\": 2", "");  // HRM has none
  replace_in_metadata("\"ignore_label_id\": 0", "\"ignore_label_id\": null");
  EXPECT_FALSE(open().metadata().ignore_label_id);
  EXPECT_EQ(open().metadata().total_puzzles, 2);
  std::vector<int32_t> inputs(4), labels(4);
  write_rows("labels", {0, 1, 2, 3, 0, 0, 0, 0}, 2);
  open().sets().front().read_example(0, inputs, labels);
  EXPECT_EQ(labels, (std::vector<int32_t>{0, 1, 2, 3}));
}

TEST_F(DatasetFolder, MissingThingsAreNamed) {
  EXPECT_ERROR_WITH(Dataset::open({}, "train"), "data_paths is empty");
  EXPECT_ERROR_WITH(open(), "does not exist", "build_dataset", "data_paths");
  std::filesystem::create_directories(folder_ / "d");
  EXPECT_ERROR_WITH(open(), "dataset.json", "is missing", "build_dataset");
  single_examples(2).write(folder_ / "d");
  EXPECT_ERROR_WITH(open("test"), "holds no test data");
  EXPECT_ERROR_WITH(Dataset::open({folder_ / "d" / "train"}, "train"), "one split of a dataset", "folder above");
  for (const char* field : {"inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices"}) {
    std::filesystem::rename(array(field), folder_ / "away");
    EXPECT_ERROR_WITH(open(), std::string("all__") + field + ".npy", "missing");
    std::filesystem::rename(folder_ / "away", array(field));
  }
}

TEST_F(DatasetFolder, EmptyAndAbsentSplits) {
  single_examples(2).write(folder_ / "d");
  single_examples(0).write(folder_ / "d", "test");
  EXPECT_ERROR_WITH(open("test"), "no examples");
  EXPECT_FALSE(Dataset::open_if_present({folder_ / "d"}, "test"));
  EXPECT_TRUE(Dataset::open_if_present({folder_ / "d"}, "train"));
  std::filesystem::remove_all(folder_ / "d" / "test");
  EXPECT_FALSE(Dataset::open_if_present({folder_ / "d"}, "test"));
  write_file(folder_ / "d" / "test" / "all__inputs.npy", "x");
  EXPECT_ERROR_WITH(Dataset::open_if_present({folder_ / "d"}, "test"), "dataset.json", "missing");
}

TEST_F(DatasetFolder, MetadataDefectsAreNamed) {
  const auto expect = [&](const std::string& from, const std::string& to, std::vector<std::string> parts) {
    single_examples(2).write(folder_ / "d");
    replace_in_metadata(from, to);
    for (const std::string& part : parts) EXPECT_ERROR_WITH(open(), part, "dataset.json");
  };
  expect("\"pad_id\": 0", "\"pad\": 0", {"has no 'pad_id'"});
  expect("\"pad_id\": 0", "\"pad_id\": 1000", {"'pad_id' is 1000", "999"});
  expect("\"vocab_size\": 1000", "\"vocab_size\": \"many\"", {"'vocab_size' is \"many\"", "integer"});
  expect("\"vocab_size\": 1000", "\"vocab_size\": -4", {"'vocab_size' is -4"});
  expect("\"seq_len\": 4", "\"seq_len\": 99999999999999999999", {"'seq_len'"});
  expect("\"sets\": [", "\"sets\": 3, \"x\": [", {"'sets' is 3"});
  expect("\"pad_id\": 0,", "\"pad_id\": 0", {"malformed JSON at line 3"});
  expect("\"pad_id\": 0", "\"pad_id\": 1e999", {"line 2", "1e999"});
  expect("\"mean_puzzle_examples\": 1.0", "\"mean_puzzle_examples\": 1e300", {"'mean_puzzle_examples' is 1e+300"});
  for (const char* name : {"../../x", "/tmp/x", "a/b", "a\\\\b", "", "a\\u0000b"})
    expect("\"all\"", "\"" + std::string(name) + "\"", {"'sets' has ", "no / or"});
}

TEST_F(DatasetFolder, ArraysThatDoNotFitAreNamed) {
  const auto expect = [&](auto spoil, std::vector<std::string> parts) {
    single_examples(3).write(folder_ / "d");
    spoil();
    const std::string message = testing::error_of([&] { open(); });
    for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  };
  const auto index = [&](const char* field, std::vector<int32_t> values) { write_npy(array(field), values); };
  expect([&] { write_rows("labels", {1, 2, 3, 4, 5, 6, 7, 8}, 2); }, {"all__labels.npy", "[2, 4]", "[3, 4]"});
  expect([&] { write_rows("inputs", {1, 2, 3, 4, 5, 6}, 3); }, {"all__inputs.npy", "[3, 2]", "seq_len"});
  expect([&] { index("puzzle_indices", {0, 2, 1, 3}); }, {"all__puzzle_indices.npy", "element 2 is 1", "less than"});
  expect([&] { index("puzzle_indices", {1, 1, 2, 3}); }, {"first element is 1"});
  expect([&] { index("puzzle_indices", {0, 1, 2, 9}); }, {"last element is 9", "3 examples"});
  expect([&] { index("puzzle_indices", {0, 1, 3}); }, {"3 puzzles, puzzle_indices has 2"});
  expect([&] { index("group_indices", {0, 1, 1, 3}); }, {"all__group_indices.npy", "entry 1 holds no puzzle"});
  expect([&] { index("group_indices", {0, 1, 4}); }, {"last element is 4", "3 puzzles"});
  expect([&] { index("group_indices", {}); }, {"all__group_indices.npy", "shape"});
  expect([&] { index("puzzle_identifiers", {0, -1, 2}); }, {"puzzle 1", "-1"});
  expect([&] { index("puzzle_identifiers", {0, 1, 4}); }, {"puzzle 2", "identifier 4", "num_puzzle_identifiers is 4"});
  expect([&] { std::filesystem::resize_file(array("inputs"), 130); }, {"all__inputs.npy", "truncated"});
}

TEST_F(DatasetFolder, TokensOutsideTheVocabularyAreNamed) {
  single_examples(2).write(folder_ / "d");
  write_rows("labels", {1, 2, 3, 4, 5, 6, 1000, 8}, 2);
  EXPECT_ERROR_WITH(open(), "all__labels.npy", "row 1", "column 2", "label 1000", "0…999");
  write_rows("labels", {1, 2, -7, 4, 5, 6, 7, 8}, 2);
  EXPECT_ERROR_WITH(open(), "row 0", "column 2", "label -7");
  single_examples(2).write(folder_ / "d");
  write_rows("inputs", {1, 2, 3, -100, 5, 6, 7, 8}, 2);
  EXPECT_ERROR_WITH(open(), "all__inputs.npy", "row 0", "column 3", "input -100");
  // Too large to be read at once: found when the batch is made.
  const Dataset unread = Dataset::open({folder_ / "d"}, "train", /*scan_limit=*/0);
  std::vector<int32_t> inputs(4), labels(4);
  EXPECT_ERROR_WITH(unread.sets().front().read_example(0, inputs, labels), "row 0", "input -100");
}

TEST_F(DatasetFolder, SeveralFoldersFollowOneAnother) {
  Synthetic first, second = single_examples(4);
  first.puzzle_sizes = {2, 4};
  first.group_sizes = {1, 1};
  first.write(folder_ / "a");
  second.write(folder_ / "b");
  const Dataset dataset = Dataset::open({folder_ / "a", folder_ / "b"}, "train");
  EXPECT_EQ(dataset.examples(), 10u);
  EXPECT_EQ(dataset.metadata().sets, (std::vector<std::string>{"all", "all1"}));
  EXPECT_EQ(dataset.sets()[1].name, "all1");
  EXPECT_EQ(dataset.metadata().num_puzzle_identifiers, 105);
  EXPECT_EQ(dataset.metadata().total_groups, 6);
  EXPECT_EQ(dataset.metadata().total_puzzles, 6);
  EXPECT_DOUBLE_EQ(dataset.metadata().mean_puzzle_examples, 10.0 / 6.0);
  EXPECT_EQ(dataset.sets()[1].puzzle_identifiers, (std::vector<int32_t>{1, 2, 3, 4}));  // not offset
}

TEST_F(DatasetFolder, ThePuzzleKindIsOneOfAll) {
  Synthetic plain = single_examples(2), sudoku = plain, maze = plain;
  sudoku.metadata.puzzle_kind = "sudoku";
  maze.metadata.puzzle_kind = "maze";
  plain.write(folder_ / "a");
  sudoku.write(folder_ / "b");
  maze.write(folder_ / "c");
  const auto kind = [&](const char* first, const char* second) {
    return Dataset::open({folder_ / first, folder_ / second}, "train").metadata().puzzle_kind;
  };
  EXPECT_EQ(kind("a", "a"), "");
  EXPECT_EQ(kind("a", "b"), "sudoku");
  EXPECT_EQ(kind("b", "a"), "sudoku");
  EXPECT_ERROR_WITH(kind("b", "c"), "puzzle_kind is sudoku", "/b/train", "maze", "/c/train");
}

TEST_F(DatasetFolder, FoldersThatDifferAreRefused) {
  const auto expect = [&](const std::string& key, auto change) {
    single_examples(2).write(folder_ / "a");
    Synthetic other = single_examples(2);
    change(other.metadata);
    other.write(folder_ / "b");
    EXPECT_ERROR_WITH(Dataset::open({folder_ / "a", folder_ / "b"}, "train"), "do not fit together", key, "/a/train",
                      "/b/train");
  };
  expect("seq_len is 4", [](Metadata& m) { m.seq_len = 5; });
  expect("vocab_size is 1000", [](Metadata& m) { m.vocab_size = 1001; });
  expect("pad_id is 0", [](Metadata& m) { m.pad_id = 1; });
  expect("ignore_label_id is 0", [](Metadata& m) { m.ignore_label_id.reset(); });
  expect("blank_identifier_id is 0", [](Metadata& m) { m.blank_identifier_id = 1; });
}

TEST_F(DatasetFolder, TokenizersMustBeTheSame) {
  const std::string vocabulary = R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}})";
  for (const char* name : {"a", "b"}) {
    single_examples(2).write(folder_ / name);
    write_file(folder_ / name / "tokenizer" / "tokenizer.json", vocabulary);
  }
  const std::vector<std::filesystem::path> both = {folder_ / "a", folder_ / "b"};
  EXPECT_EQ(Dataset::open(both, "train").tokenizer_folder(), folder_ / "a" / "tokenizer");
  write_file(folder_ / "b" / "tokenizer" / "tokenizer.json", R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
  EXPECT_NO_THROW(Dataset::open(both, "train"));
  write_file(folder_ / "b" / "tokenizer" / "tokenizer.json", R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE","vocab":{"b":0},"merges":[]}})");
  EXPECT_ERROR_WITH(Dataset::open(both, "train"), "tokenizers", "differ", "--tokenizer");
}

TEST(PlannedSteps, Formula) {
  Metadata metadata;
  metadata.total_groups = 10;
  metadata.mean_puzzle_examples = 1.5;
  EXPECT_EQ(planned_steps(metadata, 3, 4), 11u);    // floor(45 / 4)
  EXPECT_EQ(planned_steps(metadata, 3, 4, 2), 5u);  // floor(11 / 2)
  EXPECT_EQ(planned_steps(metadata, 0, 4, 2), 0u);
  EXPECT_THROW(planned_steps(metadata, 3, 0), DataError);
  EXPECT_THROW(planned_steps(metadata, 3, 4, 0), DataError);
}

}  // namespace
}  // namespace trm
