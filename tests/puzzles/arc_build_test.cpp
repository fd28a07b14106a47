#include <nlohmann/json.hpp>
#include <set>

#include "data/dataset.h"
#include "puzzles/arc/augmented_task.h"
#include "puzzles/arc/build.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
using Tokens = std::vector<int32_t>;
using testing::read_file;
using testing::write_file;

const std::string pair = R"({"input": [[1, 2], [3, 4]], "output": [[5, 6, 7]]})";

class ArcBuilds : public ::testing::Test {
 protected:
  ArcBuilds() {
    write_file(folder_ / "arc_a_challenges.json",
               "{\"a1\": {\"train\": [" + pair + ", " + pair + R"(], "test": [{"input": [[1]]}]}})");
    write_file(folder_ / "arc_a_solutions.json", R"({"a1": [[[2]]]})");
    write_file(folder_ / "arc_b_challenges.json", "{\"b1\": {\"train\": [" + pair +
                                                      R"(], "test": [{"input": [[3]]}, {"input": [[4]]}]}, )" +
                                                      "\"b2\": {\"train\": [" + pair + "], \"test\": [" + pair + "]}}");
    write_file(folder_ / "arc_b_solutions.json", R"({"b1": [[[7]], [[8, 8]]], "b2": [[[5, 6, 7]]]})");
    build_.input_prefix = (folder_ / "arc").string();
    build_.subsets = {"a", "b"};
    build_.test_set = "b";
    build_.num_aug = 10;
    build_.output.folder = folder_ / "d";
    build_.output.say = [this](const std::string& line) { said_ += line + "\n"; };
  }

  testing::TemporaryFolder folder_;
  ArcBuild build_;
  std::string said_;
};

TEST_F(ArcBuilds, DemonstrationsAreTrainedOnAndTestPairsEvaluated) {
  build_arc(build_);
  const Dataset train = Dataset::open({folder_ / "d"}, "train"), test = Dataset::open({folder_ / "d"}, "test");
  EXPECT_EQ(train.groups(), 3u);
  EXPECT_EQ(test.groups(), 2u);
  const ExampleSet &a = train.sets().at(0), &b = test.sets().at(0);
  EXPECT_EQ(a.puzzles(), 33u);
  EXPECT_EQ(train.examples(), 11u * (3 + 1 + 1));  // of a1 the test pair too
  EXPECT_EQ(test.examples(), 11u * (2 + 1));
  EXPECT_EQ(train.metadata().puzzle_kind, "arc");
  EXPECT_EQ(train.metadata().num_puzzle_identifiers, 34);
  EXPECT_EQ(test.metadata().num_puzzle_identifiers, 34);
  EXPECT_EQ(a.inputs.dtype(), "|u1");

  const auto names =
      nlohmann::json::parse(read_file(folder_ / "d" / "identifiers.json")).get<std::vector<std::string>>();
  ASSERT_EQ(names.size(), 34u);
  EXPECT_EQ(names[0], "<blank>");
  std::map<std::string, int> tasks;
  for (size_t i = 1; i < names.size(); ++i) ++tasks[parse_arc_name(names[i]).first];
  EXPECT_EQ(tasks, (std::map<std::string, int>{{"a1", 11}, {"b1", 11}, {"b2", 11}}));
  const std::set<int32_t> trained(a.puzzle_identifiers.begin(), a.puzzle_identifiers.end());
  for (const int32_t id : b.puzzle_identifiers) EXPECT_TRUE(trained.contains(id));

  // Each example, its augmentation undone, is one of its task's.
  const ArcGrid in{2, 2, {1, 2, 3, 4}}, out{1, 3, {5, 6, 7}};
  Tokens inputs(900), labels(900);
  int moved = 0;
  for (uint64_t puzzle = 0; puzzle < a.puzzles(); ++puzzle) {
    const auto [task, augmentation] = parse_arc_name(names[static_cast<size_t>(a.puzzle_identifiers[puzzle])]);
    int unmoved = 0;
    for (uint64_t example = a.puzzle_indices[puzzle]; example < a.puzzle_indices[puzzle + 1]; ++example) {
      a.read_example(example, inputs, labels);
      int row = 0, column = 0, label_row = 0, label_column = 0;
      const ArcGrid input = augmentation.undo(find_on_canvas(inputs, row, column)),
                    label = augmentation.undo(find_on_canvas(labels, label_row, label_column));
      EXPECT_EQ(row, label_row);
      EXPECT_EQ(column, label_column);
      unmoved += row == 0 && column == 0;
      moved += row > 0 || column > 0;
      if (input.rows == 1)
        EXPECT_EQ(label, (ArcGrid{1, 1, {2}}));
      else
        EXPECT_EQ(std::pair(input, label), std::pair(in, out));
    }
    EXPECT_GE(unmoved, 1);
  }
  EXPECT_GT(moved, 10);
  for (uint64_t example = 0; example < b.examples(); ++example) {
    b.read_example(example, inputs, labels);
    EXPECT_GT(inputs[0], 1) << "test examples are not moved";
  }
  EXPECT_EQ(nlohmann::json::parse(read_file(folder_ / "d" / "test_puzzles.json")).at("b1").at("test").at(1).dump(),
            R"({"input":[[4]],"output":[[8,8]]})");
  EXPECT_NE(said_.find("train: 3 tasks, 33 puzzles, 55 examples"), std::string::npos) << said_;
}

TEST_F(ArcBuilds, ThreadsDoNotChangeAByte) {
  std::vector<std::string> bytes;
  for (const int threads : {1, 4}) {
    build_.output.threads = threads;
    build_.output.folder = folder_ / std::to_string(threads);
    build_arc(build_);
    std::string all;
    for (const char* file : {"identifiers.json", "test_puzzles.json", "train/all__inputs.npy", "train/all__labels.npy",
                             "test/all__inputs.npy", "train/all__puzzle_indices.npy"})
      all += read_file(build_.output.folder / file);
    bytes.push_back(all);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

TEST_F(ArcBuilds, IdentifiersStartWhereAsked) {
  build_.first_identifier = 5;
  build_.num_aug = 0;
  build_arc(build_);
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").metadata().num_puzzle_identifiers, 8);
  const auto names =
      nlohmann::json::parse(read_file(folder_ / "d" / "identifiers.json")).get<std::vector<std::string>>();
  EXPECT_EQ(names[4], "<blank>");
  EXPECT_EQ(names[5], "a1");
}

TEST_F(ArcBuilds, AugmentationsAreDistinct) {
  SplitMix64 random(1);
  const ArcTask one{"x", {{ArcGrid{1, 1, {0}}, ArcGrid{1, 1, {0}}}}, {{ArcGrid{1, 1, {0}}, {}}}};
  EXPECT_EQ(augment_task(one, 100, false, random).names.size(), 1u) << "black stays black whatever is turned";
  const ArcTask coloured{"x", {{ArcGrid{1, 1, {1}}, ArcGrid{1, 1, {1}}}}, {{ArcGrid{1, 1, {2}}, {}}}};
  const AugmentedTask task = augment_task(coloured, 1000, true, random);
  EXPECT_LE(task.names.size(), 9u * 8u + 1) << "two colours of nine; the test output is unknown";
  EXPECT_GT(task.names.size(), 60u);
  EXPECT_EQ(task.test.a_puzzle, 1u);
  EXPECT_EQ(task.test.labels.size(), 900u * task.names.size());
}

TEST_F(ArcBuilds, WhatIsWrongIsNamed) {
  const auto expect = [&](const std::vector<std::string>& parts) {
    const std::string message = testing::error_of([&] { build_arc(build_); });
    for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
    EXPECT_EQ(folder_.entries(), 4u) << "something is left of the build";
  };
  build_.test_set = "c";
  expect({"'c'", "a, b"});
  build_.test_set = "b";
  build_.subsets = {"a", "b", "c"};
  expect({"arc_c_challenges.json", "does not exist", "a, b"});
  build_.subsets = {"a", "b"};
  write_file(folder_ / "arc_b_solutions.json", R"({"b1": [[[7]]], "b2": [[[5, 6, 7]]]})");
  expect({"arc_b_solutions.json", "task 'b1'", "1 solutions for 2"});
}

TEST_F(ArcBuilds, ATestTaskThatIsTrainedOnIsSaid) {
  fs::copy_file(folder_ / "arc_b_challenges.json", folder_ / "arc_c_challenges.json");
  fs::copy_file(folder_ / "arc_b_solutions.json", folder_ / "arc_c_solutions.json");
  build_.subsets = {"a", "b", "c"};
  build_arc(build_);
  EXPECT_NE(said_.find("2 tasks of the test set b are in another subset too"), std::string::npos) << said_;
  const Dataset train = Dataset::open({folder_ / "d"}, "train");
  const auto names =
      nlohmann::json::parse(read_file(folder_ / "d" / "identifiers.json")).get<std::vector<std::string>>();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(names.size(), static_cast<size_t>(train.metadata().num_puzzle_identifiers));
}

}  // namespace
}  // namespace trm
