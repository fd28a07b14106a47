#include "data/batch.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/data/folders.h"

namespace trm {
namespace {

TEST(BatchPool, UsesTheAllocatorAndItsMemoryAgain) {
  int allocations = 0, freed = 0;
  void* first = nullptr;
  {
    BatchPool pool(3, 5, [&](size_t bytes) {
      ++allocations;
      EXPECT_GE(bytes, (3 * 5 * 2 + 3) * sizeof(int32_t));
      return std::shared_ptr<void>(std::aligned_alloc(64, (bytes + 63) / 64 * 64), [&freed](void* p) {
        ++freed;
        std::free(p);
      });
    });
    {
      const Batch a = pool.take(), b = pool.take();
      EXPECT_NE(a.inputs, b.inputs);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(a.labels) % 64, 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(a.puzzle_identifiers) % 64, 0u);
      first = a.inputs;
    }
    EXPECT_EQ(allocations, 2);
    const Batch c = pool.take(), d = pool.take();
    EXPECT_TRUE(c.inputs == first || d.inputs == first);
    EXPECT_EQ(allocations, 2);
    EXPECT_EQ(freed, 0);
  }
  EXPECT_EQ(freed, 2);
}

TEST(BatchPool, ABatchOutlivesItsPool) {
  auto pool = std::make_unique<BatchPool>(1, 4, BatchAllocator());
  Batch batch = pool->take();
  pool.reset();
  for (size_t i = 0; i < 4; ++i) batch.inputs[i] = 7;
  EXPECT_EQ(batch.input_row(0)[3], 7);
}

TEST(BatchPool, NoMemoryIsAnError) {
  EXPECT_ERROR_WITH(BatchPool(1, 4, [](size_t) { return std::shared_ptr<void>(); }).take(), "no memory");
  EXPECT_ERROR_WITH(BatchPool(size_t{1} << 61, 4, BatchAllocator()).take(), "does not fit");
}

TEST(FillBatch, PadsTheRowsLeft) {
  testing::TemporaryFolder folder;
  testing::Synthetic synthetic = testing::single_examples(3);
  synthetic.metadata.pad_id = 9;
  synthetic.metadata.blank_identifier_id = 2;
  synthetic.write(folder / "d");
  const Dataset dataset = Dataset::open({folder / "d"}, "train");
  Batch batch = BatchPool(4, 4, BatchAllocator()).take();
  const std::vector<ExampleRef> refs = {{0, 2, 2}, {0, 0, 0}};
  fill_batch(dataset, refs, batch);
  EXPECT_EQ(batch.rows, 4u);
  EXPECT_EQ(batch.real_rows, 2u);
  const auto row = [](std::span<const int32_t> values) { return std::vector<int32_t>(values.begin(), values.end()); };
  EXPECT_EQ(row(batch.input_row(0)), (std::vector<int32_t>{2, 2, 2, 2}));
  EXPECT_EQ(row(batch.label_row(1)), (std::vector<int32_t>{1, 1, 1, 1}));
  for (const size_t r : {2, 3}) {
    EXPECT_EQ(row(batch.input_row(r)), std::vector<int32_t>(4, 9));
    EXPECT_EQ(row(batch.label_row(r)), std::vector<int32_t>(4, -100));
  }
  EXPECT_EQ(row({batch.puzzle_identifiers, 4}), (std::vector<int32_t>{3, 1, 2, 2}));
}

}  // namespace
}  // namespace trm
