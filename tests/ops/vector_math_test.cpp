// The scalar functions that the cpu's vectorised loops are made of.
#include "device/cpu/vector_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "device/dtype.h"

namespace trm::cpu {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();

TEST(VectorMath, ExponentialIsWithinAMillionth) {
  for (int i = -870000; i <= 880000; ++i) {
    const float x = static_cast<float>(i) * 1e-4f;
    const double expected = std::exp(static_cast<double>(x));
    ASSERT_LT(std::abs(exponential(x) - expected), 1e-6 * expected) << x;
  }
}

TEST(VectorMath, ExponentialBeyondItsRange) {
  EXPECT_EQ(exponential(0.0f), 1.0f);
  EXPECT_EQ(exponential(-88.0f), 0.0f);
  EXPECT_EQ(exponential(-infinity), 0.0f);
  EXPECT_GT(exponential(infinity), 2e38f);
  EXPECT_TRUE(std::isfinite(exponential(1e30f)));
  EXPECT_TRUE(std::isnan(exponential(nan)));
}

TEST(VectorMath, SigmoidAndSilu) {
  for (int i = -8000; i <= 8000; ++i) {
    const float x = static_cast<float>(i) * 1e-2f;
    const double expected = 1 / (1 + std::exp(-static_cast<double>(x)));
    ASSERT_LT(std::abs(sigmoid(x) - expected), 1e-6 * expected) << x;
    ASSERT_LT(std::abs(silu(x) - x * expected), 1e-6 * std::abs(x * expected) + 1e-37) << x;
  }
  EXPECT_EQ(sigmoid(1e4f), 1.0f);
  EXPECT_LT(sigmoid(-1e4f), 1e-37f);
}

TEST(VectorMath, BfloatRoundsAsTheTypeDoes) {
  for (uint32_t u = 0; u < 0xffff0000u; u += 0x1f35) {
    const float x = float_of(u);
    uint16_t stored;
    store(&stored, x);
    ASSERT_EQ(stored, bfloat16(x).bits) << u;
    if (!std::isnan(x)) {
      ASSERT_EQ(rounded_as(&stored, x), load(&stored)) << u;
    }
  }
}

}  // namespace
}  // namespace trm::cpu
