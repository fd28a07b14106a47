#include "data/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace trm {
namespace {

TEST(SplitMix64, PublishedSequence) {
  // The reference implementation's first values for the state 1234567 (prng.di.unimi.it/splitmix64.c).
  SplitMix64 random(0);
  random.set_state(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(SplitMix64, StateContinuesTheSequence) {
  SplitMix64 random(1, 2, 3);
  random.next();
  SplitMix64 other(0);
  other.set_state(random.state());
  EXPECT_EQ(random.next(), other.next());
}

TEST(SplitMix64, StreamsDiffer) {
  std::vector<uint64_t> states;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (uint64_t epoch = 0; epoch < 4; ++epoch) {
      for (uint64_t set = 0; set < 4; ++set) states.push_back(SplitMix64(seed, epoch, set).state());
    }
  }
  std::ranges::sort(states);
  EXPECT_EQ(std::ranges::adjacent_find(states), states.end());
}

TEST(SplitMix64, BelowIsUniform) {
  SplitMix64 random(5);
  std::vector<int> count(7);
  for (int i = 0; i < 70000; ++i) ++count[random.below(7)];
  for (const int c : count) EXPECT_NEAR(c, 10000, 500);  // five deviations of √(70000·1/7·6/7)
  for (int i = 0; i < 10; ++i) EXPECT_EQ(random.below(1), 0u);
}

TEST(SplitMix64, ShuffleReachesEveryOrder) {
  SplitMix64 random(6);
  std::vector<int> seen(6);
  for (int i = 0; i < 6000; ++i) {
    std::vector<int> items = {0, 1, 2};
    random.shuffle(items);
    ++seen[static_cast<size_t>(items[0] * 2 + (items[1] > items[2]))];
  }
  for (const int c : seen) EXPECT_NEAR(c, 1000, 150);
}

}  // namespace
}  // namespace trm
