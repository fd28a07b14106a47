#include "data/ordered_work.h"

#include <chrono>

#include "tests/data/folders.h"

namespace trm {
namespace {

/// Squares of 0 … count - 1, the early ones slowest.
std::vector<int> squares(int threads, int count, int stop_after = -1, int bad = -1) {
  int next = 0;
  std::vector<int> taken;
  ordered_work(
      threads, [&]() -> std::optional<int> { return next < count ? std::optional(next++) : std::nullopt; },
      [&](int job) {
        if (job < 4) std::this_thread::sleep_for(std::chrono::milliseconds(4 - job));
        if (job >= bad && bad >= 0) throw std::runtime_error("job " + std::to_string(job));
        return job * job;
      },
      [&](int result) {
        taken.push_back(result);
        return static_cast<int>(taken.size()) != stop_after;
      });
  return taken;
}

TEST(OrderedWork, ResultsComeInTheJobsOrder) {
  for (const int threads : {1, 3}) {
    const std::vector<int> all = squares(threads, 100);
    ASSERT_EQ(all.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(all[static_cast<size_t>(i)], i * i);
    EXPECT_TRUE(squares(threads, 0).empty());
    EXPECT_EQ(squares(threads, 100, 7).size(), 7u);
  }
}

TEST(OrderedWork, TheFirstErrorInOrderIsThrown) {
  for (const int threads : {1, 3}) EXPECT_ERROR_WITH(squares(threads, 100, -1, 2), "job 2");
  EXPECT_THROW(ordered_work(
                   2, []() -> std::optional<int> { throw std::runtime_error("next"); }, [](int i) { return i; },
                   [](int) { return true; }),
               std::runtime_error);
}

}  // namespace
}  // namespace trm
