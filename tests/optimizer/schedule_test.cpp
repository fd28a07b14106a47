#include "optimizer/schedule.h"

#include <cmath>

#include "optimizer/error.h"
#include "settings/keys.h"

namespace trm::testing {
namespace {

TEST(Schedule, WarmsUpThenFallsAlongACosine) {
  const Schedule schedule{Decay::cosine, 5, 40, 0.1f};
  for (int step = 1; step <= 45; ++step) {
    const double progress = std::min(1.0, (step - 5) / 35.0);
    const double expected = step < 5 ? step / 5.0 : 0.1 + 0.9 * 0.5 * (1 + std::cos(3.141592653589793 * progress));
    EXPECT_NEAR(schedule.factor(step), expected, 1e-7) << "step " << step;
  }
}

TEST(Schedule, IsExactAtBothEnds) {
  for (const Decay decay : {Decay::cosine, Decay::linear}) {
    const Schedule to_zero{decay, 0, 8000, 0};
    EXPECT_EQ(to_zero.factor(0), 1);
    EXPECT_LT(to_zero.factor(1), 1);
    EXPECT_GT(to_zero.factor(1), 0.9998);
    EXPECT_NEAR(to_zero.factor(4000), 0.5, 1e-15);
    EXPECT_GT(to_zero.factor(7999), 0);
    for (const int64_t step : {8000, 8001, 1000000}) EXPECT_EQ(to_zero.factor(step), 0);
    const Schedule warm{decay, 10, 100, 0.25f};
    EXPECT_EQ(warm.factor(10), 1);
    EXPECT_EQ(warm.factor(100), 0.25);
  }
}

TEST(Schedule, LinearAndConstant) {
  const Schedule linear{Decay::linear, 4, 12, 0.5f};
  const std::vector<double> expected{0.25, 0.5, 0.75, 1, 0.9375, 0.875, 0.8125, 0.75};
  for (int step = 1; step <= 8; ++step) EXPECT_EQ(linear.factor(step), expected[step - 1]) << "step " << step;
  const Schedule constant{Decay::constant, 4, 12, 0.5f};
  EXPECT_EQ(constant.factor(2), 0.5);
  for (const int64_t step : {4, 8, 12, 100}) EXPECT_EQ(constant.factor(step), 1);
}

TEST(Schedule, FewerStepsThanItsWarmUpOrNone) {
  const Schedule never_there{Decay::cosine, 10, 4, 0};
  EXPECT_EQ(never_there.factor(4), 0.4);
  EXPECT_EQ((Schedule{Decay::cosine, 0, 0, 0}.factor(1)), 0);
  EXPECT_EQ((Schedule{Decay::cosine, 0, 0, 1}.factor(1)), 1);
}

TEST(Schedule, NamesAreThoseOfTheKey) {
  for (const Key& key : keys())
    if (key.path == "lr_schedule") {
      EXPECT_EQ(key.choices, decay_names());
    }
  EXPECT_EQ(parse_decay("linear"), Decay::linear);
  try {
    parse_decay("cosin");
    FAIL() << "an unknown name was taken";
  } catch (const OptimizerError& error) {
    EXPECT_STREQ(error.what(),
                 "there is no schedule 'cosin'; there are cosine, linear, constant; the nearest is cosine");
  }
}

}  // namespace
}  // namespace trm::testing
