#include "data/loader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "data/error.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using testing::single_examples;
using testing::Synthetic;
using testing::TemporaryFolder;

/// All that a batch holds, in one vector.
std::vector<int32_t> contents(const Batch& batch) {
  std::vector<int32_t> values = {static_cast<int32_t>(batch.rows), static_cast<int32_t>(batch.real_rows),
                                 static_cast<int32_t>(batch.set)};
  values.insert(values.end(), batch.inputs, batch.inputs + batch.rows * batch.seq_len);
  values.insert(values.end(), batch.labels, batch.labels + batch.rows * batch.seq_len);
  values.insert(values.end(), batch.puzzle_identifiers, batch.puzzle_identifiers + batch.rows);
  return values;
}

std::vector<std::vector<int32_t>> rest_of(Loader& loader) {
  std::vector<std::vector<int32_t>> all;
  while (const auto batch = loader.next()) all.push_back(contents(*batch));
  return all;
}

class LoaderOf : public ::testing::Test {
 protected:
  void SetUp() override {
    Synthetic synthetic;
    synthetic.puzzle_sizes = {3, 1, 2, 5, 1, 4};
    synthetic.group_sizes = {2, 1, 3};
    synthetic.write(folder_ / "a");
    single_examples(5).write(folder_ / "b");
    dataset_ = std::make_shared<const Dataset>(Dataset::open({folder_ / "a", folder_ / "b"}, "train"));
  }
  static LoaderOptions options(int num_workers, uint64_t batch_size = 4) {
    LoaderOptions options;
    options.batch_size = batch_size;
    options.num_workers = num_workers;
    return options;
  }
  Loader training(int num_workers, DatasetType type = DatasetType::kPuzzle) {
    return Loader::training(dataset_, type, 7, 30, options(num_workers));
  }
  TemporaryFolder folder_;
  std::shared_ptr<const Dataset> dataset_;
};

TEST_F(LoaderOf, BatchesAreTheSameForAnyNumberOfWorkers) {
  for (const DatasetType type : {DatasetType::kPuzzle, DatasetType::kChat}) {
    Loader alone = training(0, type);
    const auto expected = rest_of(alone);
    ASSERT_GT(expected.size(), 50u);
    for (const int workers : {1, 3, 8}) {
      Loader loader = training(workers, type);
      EXPECT_EQ(rest_of(loader), expected) << workers << " workers";
      EXPECT_FALSE(loader.next());
    }
  }
}

TEST_F(LoaderOf, EvaluationIsTheSameForAnyNumberOfWorkers) {
  Loader alone = Loader::evaluation(dataset_, options(0, 6));
  const auto expected = rest_of(alone);
  ASSERT_EQ(expected.size(), 4u);  // 16 examples in 3, 5 in 1
  EXPECT_EQ(expected[2][1], 4);    // the real rows of the first set's last batch
  EXPECT_EQ(expected[3][2], 1);    // the second set
  Loader loader = Loader::evaluation(dataset_, options(3, 6));
  EXPECT_EQ(rest_of(loader), expected);
}

// Each process's loader has its rows of the same global batches.
TEST_F(LoaderOf, SharesMakeTheWhole) {
  const auto rows = [](const std::optional<Batch>& batch) {
    std::vector<std::vector<int32_t>> all;
    for (size_t row = 0; row < batch->rows; ++row) {
      all.emplace_back(batch->input_row(row).begin(), batch->input_row(row).end());
      all.back().insert(all.back().end(), batch->label_row(row).begin(), batch->label_row(row).end());
      all.back().push_back(batch->puzzle_identifiers[row]);
    }
    return all;
  };
  for (const bool evaluation : {false, true})
    for (const uint64_t shares : {2, 3}) {
      const auto make = [&](uint64_t first, uint64_t count) {
        LoaderOptions some = options(first == 0 ? 0 : 2, 6);
        some.first_row = first;
        some.rows = count;
        return evaluation ? Loader::evaluation(dataset_, some)
                          : Loader::training(dataset_, DatasetType::kPuzzle, 7, 3, some);
      };
      Loader whole = make(0, 0);
      std::vector<Loader> parts;
      for (uint64_t share = 0; share < shares; ++share) parts.push_back(make(share * 6 / shares, 6 / shares));
      while (const auto batch = whole.next()) {
        std::vector<std::vector<int32_t>> together;
        size_t real_rows = 0;
        for (Loader& part : parts) {
          const auto mine = part.next();
          ASSERT_TRUE(mine);
          EXPECT_EQ(mine->rows, 6 / shares);
          EXPECT_EQ(mine->set, batch->set) << "also where all of its rows are padding";
          EXPECT_EQ(part.cursor(), whole.cursor());
          real_rows += mine->real_rows;
          for (auto& row : rows(mine)) together.push_back(std::move(row));
        }
        EXPECT_EQ(together, rows(batch));
        EXPECT_EQ(real_rows, batch->real_rows);
      }
      for (Loader& part : parts) EXPECT_FALSE(part.next());
    }
  LoaderOptions beyond = options(0, 4);
  beyond.first_row = 2;
  beyond.rows = 3;
  EXPECT_ERROR_WITH(Loader::evaluation(dataset_, beyond), "rows 2 to 5", "batch of 4");
}

TEST_F(LoaderOf, CursorIsThatOfTheLastBatchHandedOut) {
  for (const int workers : {0, 1, 3}) {
    Loader loader = training(workers), alone = training(0);
    EXPECT_EQ(loader.cursor(), alone.cursor());
    for (int i = 0; i < 9; ++i) {
      loader.next();
      alone.next();
      EXPECT_EQ(loader.cursor(), alone.cursor()) << workers << " workers, batch " << i;
    }
  }
}

TEST_F(LoaderOf, RestoringMidEpochContinuesTheSame) {
  for (const int workers : {0, 1, 3}) {
    Loader first = training(workers);
    for (int i = 0; i < 10; ++i) first.next();
    const Cursor cursor = Cursor::from_vector(first.cursor().to_vector());
    EXPECT_GT(cursor.epoch, 0u);
    const auto expected = rest_of(first);
    for (const int other_workers : {0, 3}) {
      Loader second = training(other_workers);
      second.next();  // what was made ahead must not come out
      second.restore(cursor);
      EXPECT_EQ(second.cursor(), cursor);
      EXPECT_EQ(rest_of(second), expected);
    }
    first.restore(cursor);  // also after the end
    EXPECT_EQ(rest_of(first), expected);
  }
}

TEST_F(LoaderOf, RefusedCursorLeavesTheLoaderWhereItWas) {
  for (const int workers : {0, 2}) {
    Loader loader = training(workers), same = training(0);
    for (int i = 0; i < 3; ++i) {
      loader.next();
      same.next();
    }
    Cursor other = loader.cursor();
    other.seed = 8;
    EXPECT_ERROR_WITH(loader.restore(other), "seed is 8");
    EXPECT_EQ(rest_of(loader), rest_of(same));
  }
}

TEST_F(LoaderOf, AWorkersErrorReachesTheCallerInItsPlace) {
  single_examples(20).write(folder_ / "c");
  NpyWriter writer(folder_ / "c" / "train" / "all__labels.npy", {20, 4});
  for (int32_t example = 0; example < 20; ++example) {
    writer.append(std::vector<int32_t>(4, example == 9 ? 5000 : 1));
  }
  writer.finish();
  const auto broken = std::make_shared<const Dataset>(Dataset::open({folder_ / "c"}, "train", /*scan_limit=*/0));
  for (const int workers : {0, 1, 3}) {
    Loader loader = Loader::evaluation(broken, options(workers, 2));
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(loader.next());
    EXPECT_ERROR_WITH(loader.next(), "all__labels.npy", "row 9", "label 5000");
    EXPECT_ERROR_WITH(loader.next(), "label 5000");
  }
}

TEST_F(LoaderOf, AnAllocatorsErrorReachesTheCaller) {
  for (const int workers : {0, 2}) {
    LoaderOptions with = options(workers);
    with.allocator = [](size_t) -> std::shared_ptr<void> { throw DataError("page-locked memory is used up"); };
    Loader loader = Loader::training(dataset_, DatasetType::kChat, 1, 1, with);
    EXPECT_ERROR_WITH(loader.next(), "used up");
  }
}

TEST_F(LoaderOf, EndsPromptlyInTheMiddle) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    Loader loader = Loader::training(dataset_, DatasetType::kChat, 1, 1000000, options(4));
    loader.next();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(LoaderOf, HeldBatchesKeepTheirContents) {
  Loader loader = training(3), alone = training(0);
  std::vector<Batch> held;
  while (auto batch = loader.next()) held.push_back(std::move(*batch));
  const auto expected = rest_of(alone);
  ASSERT_EQ(held.size(), expected.size());
  for (size_t i = 0; i < held.size(); ++i) EXPECT_EQ(contents(held[i]), expected[i]);
}

TEST_F(LoaderOf, ImpossibleOptionsAreRefused) {
  EXPECT_ERROR_WITH(Loader::training(dataset_, DatasetType::kChat, 1, 1, options(-1)), "num_workers is -1");
  EXPECT_ERROR_WITH(Loader::training(dataset_, DatasetType::kChat, 1, 1, options(1000)), "num_workers is 1000");
  EXPECT_ERROR_WITH(Loader::training(dataset_, DatasetType::kChat, 1, 1, options(0, 0)), "global_batch_size is 0");
}

TEST_F(LoaderOf, NoEpochsNoBatches) {
  for (const int workers : {0, 2}) {
    Loader loader = Loader::training(dataset_, DatasetType::kPuzzle, 1, 0, options(workers));
    EXPECT_FALSE(loader.next());
  }
}

}  // namespace
}  // namespace trm
