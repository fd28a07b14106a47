#include "data/order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/error.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using testing::single_examples;
using testing::Synthetic;
using testing::TemporaryFolder;

using Batches = std::vector<std::vector<ExampleRef>>;

Batches all_batches(Order& order) {
  Batches batches;
  std::vector<ExampleRef> refs;
  while (order.next(refs)) batches.push_back(refs);
  return batches;
}

std::vector<ExampleRef> flat(const Batches& batches) {
  std::vector<ExampleRef> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

class OrderOf : public ::testing::Test {
 protected:
  Dataset open(const std::vector<Synthetic>& folders) {
    std::vector<std::filesystem::path> paths;
    for (size_t i = 0; i < folders.size(); ++i) {
      paths.push_back(folder_ / std::to_string(i));
      folders[i].write(paths.back());
    }
    return Dataset::open(paths, "train");
  }
  TemporaryFolder folder_;
};

TEST_F(OrderOf, EachChatEpochIsAPermutation) {
  const Dataset dataset = open({single_examples(10)});
  const auto order = training_order(dataset, DatasetType::kChat, 1, 4, 5);
  const auto refs = flat(all_batches(*order));
  ASSERT_EQ(refs.size(), 40u);
  std::set<std::vector<uint64_t>> epochs;
  for (size_t epoch = 0; epoch < 4; ++epoch) {
    std::vector<uint64_t> examples;
    for (size_t i = 0; i < 10; ++i) examples.push_back(refs[epoch * 10 + i].example);
    epochs.insert(examples);
    std::ranges::sort(examples);
    for (uint64_t i = 0; i < 10; ++i) EXPECT_EQ(examples[i], i);
  }
  EXPECT_EQ(epochs.size(), 4u) << "epochs repeat an order";
}

TEST_F(OrderOf, BatchesRunOnAcrossEpochsAndOnlyTheLastIsDropped) {
  const Dataset dataset = open({single_examples(7)});
  const auto order = training_order(dataset, DatasetType::kChat, 1, 3, 4);
  const Batches batches = all_batches(*order);
  ASSERT_EQ(batches.size(), 5u);  // floor(21 / 4)
  for (const auto& batch : batches) EXPECT_EQ(batch.size(), 4u);
  std::map<uint64_t, int> visits;
  for (const auto& ref : flat(batches)) ++visits[ref.example];
  for (uint64_t i = 0; i < 7; ++i) EXPECT_GE(visits[i], 2);
}

TEST_F(OrderOf, DatasetSmallerThanABatchTrains) {
  const Dataset dataset = open({single_examples(3)});
  const auto order = training_order(dataset, DatasetType::kPuzzle, 1, 10, 8);
  const Batches batches = all_batches(*order);
  ASSERT_EQ(batches.size(), 3u);  // floor(30 / 8)
  for (const auto& batch : batches) EXPECT_EQ(batch.size(), 8u);
  const auto none = training_order(dataset, DatasetType::kPuzzle, 1, 2, 8);
  EXPECT_TRUE(all_batches(*none).empty());
}

TEST_F(OrderOf, PuzzleEpochVisitsEachGroupOnceWithOneOfItsPuzzles) {
  Synthetic synthetic;
  synthetic.puzzle_sizes = {1, 1, 1, 1, 1, 1};
  synthetic.group_sizes = {3, 1, 2};
  const Dataset dataset = open({synthetic});
  const auto order = training_order(dataset, DatasetType::kPuzzle, 9, 200, 3);
  const std::vector<int> group_of = {0, 0, 0, 1, 2, 2};
  std::map<uint64_t, int> visits;
  for (const auto& batch : all_batches(*order)) {  // a batch is an epoch here
    std::set<int> groups;
    for (const ExampleRef& ref : batch) {
      groups.insert(group_of[ref.puzzle]);
      ++visits[ref.puzzle];
    }
    EXPECT_EQ(groups.size(), 3u);
  }
  for (const uint64_t puzzle : {0, 1, 2}) EXPECT_NEAR(visits[puzzle], 67, 35);
  EXPECT_EQ(visits[3], 200);
  for (const uint64_t puzzle : {4, 5}) EXPECT_NEAR(visits[puzzle], 100, 35);
}

TEST_F(OrderOf, PuzzleExamplesComeWithoutReplacementUpToTheRoomLeft) {
  Synthetic synthetic;
  synthetic.puzzle_sizes = {5, 5};
  synthetic.group_sizes = {1, 1};
  const Dataset dataset = open({synthetic});
  const auto order = training_order(dataset, DatasetType::kPuzzle, 2, 300, 7);
  std::map<uint64_t, int> cut_visits;
  const Batches batches = all_batches(*order);
  // An epoch fills one batch: 5 of the first puzzle, then 2 of the second; its other 3 are not taken.
  ASSERT_EQ(batches.size(), 300u);
  for (const auto& batch : batches) {
    ASSERT_EQ(batch.size(), 7u);
    std::set<uint64_t> examples;
    for (const auto& ref : batch) {
      examples.insert(ref.example);
      EXPECT_EQ(ref.puzzle, ref.example / 5);
    }
    EXPECT_EQ(examples.size(), 7u) << "an example was drawn twice";
    for (size_t i = 1; i < 5; ++i) EXPECT_EQ(batch[i].puzzle, batch[0].puzzle);
    for (size_t i = 5; i < 7; ++i) {
      EXPECT_NE(batch[i].puzzle, batch[0].puzzle);
      ++cut_visits[batch[i].example];
    }
  }
  for (uint64_t example = 0; example < 10; ++example) EXPECT_NEAR(cut_visits[example], 60, 40);
}

TEST_F(OrderOf, EmptyPuzzlesAreHarmless) {
  Synthetic synthetic;
  synthetic.puzzle_sizes = {0, 2, 0};
  synthetic.group_sizes = {1, 1, 1};
  const Dataset dataset = open({synthetic});
  EXPECT_EQ(all_batches(*training_order(dataset, DatasetType::kPuzzle, 1, 4, 2)).size(), 4u);
  EXPECT_EQ(all_batches(*evaluation_order(dataset, 2)).size(), 1u);
  EXPECT_EQ(flat(all_batches(*evaluation_order(dataset, 2)))[1], (ExampleRef{0, 1, 1}));
}

TEST_F(OrderOf, SetsFollowOneAnotherInEachEpoch) {
  const Dataset dataset = open({single_examples(4), single_examples(3)});
  for (const DatasetType type : {DatasetType::kChat, DatasetType::kPuzzle}) {
    const auto refs = flat(all_batches(*training_order(dataset, type, 3, 2, 7)));
    ASSERT_EQ(refs.size(), 14u);
    for (size_t i = 0; i < 14; ++i) EXPECT_EQ(refs[i].set, i % 7 < 4 ? 0u : 1u);
    std::set<uint64_t> first;
    for (size_t i = 0; i < 4; ++i) first.insert(refs[i].example);
    EXPECT_EQ(first.size(), 4u);
  }
}

TEST_F(OrderOf, SeedDecides) {
  const Dataset dataset = open({single_examples(20)});
  const auto run = [&](uint64_t seed) { return all_batches(*training_order(dataset, DatasetType::kChat, seed, 2, 4)); };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST_F(OrderOf, EvaluationIsInOrderAndEndsEachSetWithAShortBatch) {
  Synthetic first;
  first.puzzle_sizes = {2, 3};
  first.group_sizes = {1, 1};
  const Dataset dataset = open({first, single_examples(2)});
  const Batches batches = all_batches(*evaluation_order(dataset, 3));
  const Batches expected = {{{0, 0, 0}, {0, 1, 0}, {0, 2, 1}}, {{0, 3, 1}, {0, 4, 1}}, {{1, 0, 0}, {1, 1, 1}}};
  EXPECT_EQ(batches, expected);
}

TEST_F(OrderOf, RestoredFromEveryPlaceContinuesTheSame) {
  Synthetic synthetic;
  synthetic.puzzle_sizes = {3, 1, 2, 5, 1};
  synthetic.group_sizes = {2, 1, 2};
  const Dataset dataset = open({synthetic, single_examples(4)});
  for (const DatasetType type : {DatasetType::kChat, DatasetType::kPuzzle}) {
    const auto make = [&] { return training_order(dataset, type, 11, 6, 4); };
    const auto whole = make();
    const Batches expected = all_batches(*whole);
    ASSERT_GT(expected.size(), 5u);
    const auto first = make();
    std::vector<ExampleRef> refs;
    for (size_t done = 0; done <= expected.size(); ++done) {
      const auto second = make();
      second->restore(Cursor::from_vector(first->cursor().to_vector()));
      EXPECT_EQ(second->cursor(), first->cursor());
      EXPECT_EQ(all_batches(*second), Batches(expected.begin() + static_cast<long>(done), expected.end()));
      first->next(refs);
    }
  }
}

TEST_F(OrderOf, CursorOfAnotherRunIsRefused) {
  const Dataset dataset = open({single_examples(5)});
  const auto order = training_order(dataset, DatasetType::kChat, 1, 2, 2);
  const auto expect = [&](auto change, const std::string& part) {
    Cursor cursor = order->cursor();
    change(cursor);
    EXPECT_ERROR_WITH(order->restore(cursor), "of another run", part);
  };
  expect([](Cursor& c) { c.seed = 2; }, "seed is 2, here it is 1");
  expect([](Cursor& c) { c.order = 0; }, "order");
  expect([](Cursor& c) { c.examples = 6; }, "number of examples is 6");
  expect([](Cursor& c) { c.position = 5; }, "position");
  expect([](Cursor& c) { c.set = 1; }, "set");
  const std::vector<uint64_t> none, other_version = {2, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_THROW(Cursor::from_vector(none), DataError);
  EXPECT_THROW(Cursor::from_vector(other_version), DataError);
}

TEST_F(OrderOf, BatchSizeZeroIsRefused) {
  const Dataset dataset = open({single_examples(5)});
  EXPECT_ERROR_WITH(training_order(dataset, DatasetType::kChat, 1, 2, 0), "global_batch_size is 0");
  EXPECT_ERROR_WITH(evaluation_order(dataset, 0), "global_batch_size is 0");
  EXPECT_ERROR_WITH(parse_dataset_type("text"), "'text'", "puzzle", "chat");
}

}  // namespace
}  // namespace trm
