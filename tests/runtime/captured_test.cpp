// A captured and replayed training step gives the bits of an eager one, whatever is captured in how many graphs.
#include "tests/runtime/small_run.h"

namespace trm::testing {
namespace {

struct Case {
  const char* name;
  bool puzzles;
  int accumulation;
  DType dtype;
};

class Captured : public ::testing::TestWithParam<Case> {};

TEST_P(Captured, StepsHaveTheBitsOfEagerOnes) {
  const Case& c = GetParam();
  Device device = cpu_device;
  for (const Device& one : devices_under_test())
    if (Backend::of(one).can_capture()) device = one;
  if (!Backend::of(device).can_capture()) GTEST_SKIP() << "no device here captures";
  if (!Backend::of(device).supports(c.dtype))
    GTEST_SKIP() << to_string(device) << " does not compute in " << name_of(c.dtype);
  ModelConfig config = small_config(c.puzzles);
  config.forward_dtype = c.dtype;
  SmallRun captured(config, {all_rows(SmallRun::batch), c.accumulation, 11, true}, small_optimizer(), device);
  SmallRun eager(config, {all_rows(SmallRun::batch), c.accumulation, 11, false}, small_optimizer(), device);
  // Not a whole number of updates: the last gradients are pending.
  const int count = 6 * c.accumulation + c.accumulation / 2;
  captured.run(0, count);
  eager.run(0, count);
  EXPECT_TRUE(captured.step.captured());
  EXPECT_FALSE(eager.step.captured());
  EXPECT_EQ(captured.updates, 6);
  const auto expected = eager.numbers();
  EXPECT_GT(expected.size(), 10u);
  EXPECT_EQ(captured.numbers(), expected);
}

INSTANTIATE_TEST_SUITE_P(Runs, Captured,
                         ::testing::Values(Case{"puzzles", true, 1, DType::bfloat16},
                                           Case{"puzzles_accumulated", true, 3, DType::bfloat16},
                                           Case{"puzzles_float32", true, 2, DType::float32},
                                           Case{"chat", false, 1, DType::bfloat16},
                                           Case{"chat_accumulated", false, 2, DType::float32}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace trm::testing
