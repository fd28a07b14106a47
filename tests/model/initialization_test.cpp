#include "model/initialization.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <bit>
#include <cmath>

namespace trm::testing {
namespace {

uint64_t fnv(const std::vector<float>& values) {
  uint64_t hash = 14695981039346656037u;
  for (const float value : values)
    for (int byte = 0; byte < 4; ++byte) hash = (hash ^ (std::bit_cast<uint32_t>(value) >> (8 * byte) & 255)) * 1099511628211u;
  return hash;
}

// A run that is started again with the same seed begins with the same weights, on whatever machine and thread count.
TEST(Initializer, DrawsTheSameBitsOnAnyNumberOfThreads) {
  const int before = omp_get_max_threads();
  for (const int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    Initializer initializer(7);
    EXPECT_EQ(fnv(initializer.truncated_normal(10001, 0.05)), 0xbc5f1056b1efe20eu) << threads << " threads";
  }
  omp_set_num_threads(before);
}

TEST(Initializer, DrawsTheDistributionThatItSays) {
  Initializer initializer(1);
  constexpr int count = 200000;
  constexpr double std = 0.5;
  const auto values = initializer.truncated_normal(count, std);
  double sum = 0, squares = 0, largest = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  EXPECT_NEAR(sum / count, 0, 5 * std / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), std, 0.01 * std);
  EXPECT_LE(largest, 2.28 * std) << "cut off at two deviations of the normal before rescaling";
  EXPECT_GT(largest, 2.2 * std);
  EXPECT_NE(initializer.truncated_normal(10, 1), initializer.truncated_normal(10, 1)) << "streams follow one another";
  EXPECT_EQ(initializer.truncated_normal(3, 0), (std::vector<float>{0, 0, 0}));
}

}  // namespace
}  // namespace trm::testing
