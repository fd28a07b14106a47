#include "distributed/communicator.h"

#include "distributed/rows.h"
#include "tests/data/folders.h"
#include "tests/distributed/threads.h"

namespace trm::testing {
namespace {

TEST(Rows, AreEqualSharesOneBehindTheOther) {
  EXPECT_EQ(rows_of(0, 1, 7), all_rows(7));
  EXPECT_TRUE(rows_of(0, 1, 7).all());
  EXPECT_EQ(rows_of(0, 3, 12), (RowRange{0, 4, 12}));
  EXPECT_EQ(rows_of(2, 3, 12), (RowRange{8, 4, 12}));
  EXPECT_FALSE(rows_of(2, 3, 12).all());
  EXPECT_ERROR_WITH(rows_of(0, 3, 16), "global_batch_size 16", "3 processes");
}

TEST(SingleProcess, IsItsOwnAnswer) {
  const auto one = single_process();
  EXPECT_TRUE(one->alone() && one->first());
  const Tensor values = Tensor::from(std::vector<float>{1, 2}, {2, 1}),
               all = Tensor::zeros({2, 1}, DType::float32, cpu_device);
  one->sum(values, "a test");
  one->broadcast(values, 0, "a test");
  one->gather(values, all, "a test");
  EXPECT_EQ(values.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(all.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(one->agree(-3, "a test"), -3);
  EXPECT_EQ(one->agree_soon(5, "a test"), 5);
  EXPECT_EQ(shared_text(*one, "a\nb", "a test"), "a\nb");
}

TEST(Agreement, IsTheLargestAndTheFirstOnesText) {
  std::vector<int64_t> agreed(3), soon(3);
  std::vector<std::string> texts(3);
  as_ranks(3, [&](Communicator& all) {
    const auto rank = static_cast<size_t>(all.rank());
    agreed[rank] = all.agree(-10 - all.rank(), "a test");
    soon[rank] = all.agree_soon(all.rank() == 1 ? 15 : 0, "a test");
    texts[rank] = shared_text(all, "of " + std::to_string(all.rank()), "a test");
  });
  EXPECT_EQ(agreed, (std::vector<int64_t>{-10, -10, -10}));
  EXPECT_EQ(soon, (std::vector<int64_t>{15, 15, 15}));
  EXPECT_EQ(texts, (std::vector<std::string>{"of 0", "of 0", "of 0"}));
}

}  // namespace
}  // namespace trm::testing
