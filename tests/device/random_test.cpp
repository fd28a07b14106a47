#include "device/random.h"

namespace trm::testing {
namespace {

using Numbers = std::array<uint32_t, 4>;

// The known answers for philox4x32 with 10 rounds that Salmon et al. publish with their library, Random123
// (kat_vectors).
TEST(Random, PhiloxGivesThePublishedNumbers) {
  EXPECT_EQ(philox(0, 0, 0, 0, 0), (Numbers{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~uint64_t{0}, ~0u, ~0u, ~0u, ~0u), (Numbers{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344),
            (Numbers{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, EveryPartOfTheKeyMatters) {
  const auto base = random_numbers(1, RandomPurpose::weights, 2, 3);
  EXPECT_EQ(base, random_numbers(1, RandomPurpose::weights, 2, 3));
  EXPECT_NE(base, random_numbers(2, RandomPurpose::weights, 2, 3));
  EXPECT_NE(base, random_numbers(1 + (uint64_t{1} << 32), RandomPurpose::weights, 2, 3));
  EXPECT_NE(base, random_numbers(1, RandomPurpose::halting, 2, 3));
  EXPECT_NE(base, random_numbers(1, RandomPurpose::weights, 3, 3));
  EXPECT_NE(base, random_numbers(1, RandomPurpose::weights, 2 + (uint64_t{1} << 32), 3));
  EXPECT_NE(base, random_numbers(1, RandomPurpose::weights, 2, 4));
}

TEST(Random, UniformIsBelowOneAndEven) {
  EXPECT_EQ(uniform(0), 0.0f);
  EXPECT_LT(uniform(~0u), 1.0f);
  double sum = 0, square = 0;
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    const double u = uniform(random_numbers(5, RandomPurpose::test, 0, static_cast<uint32_t>(i))[i % 4]);
    sum += u;
    square += u * u;
  }
  EXPECT_NEAR(sum / count, 0.5, 0.01);
  EXPECT_NEAR(square / count, 1.0 / 3, 0.01);
}

}  // namespace
}  // namespace trm::testing
