#include "tests/runtime/small_run.h"

namespace trm::testing {
namespace {

class Steps : public ::testing::TestWithParam<Device> {};

ModelConfig config() {
  ModelConfig c = small_config(true);
  c.forward_dtype = DType::float32;
  return c;
}

TEST_P(Steps, TheSameStepsGiveTheSameBits) {
  SmallRun one(config(), {all_rows(SmallRun::batch), 2, 11, false}, small_optimizer(), GetParam()),
      two(config(), {all_rows(SmallRun::batch), 2, 11, false}, small_optimizer(), GetParam());
  one.run(0, 5);
  two.run(0, 5);
  EXPECT_EQ(one.updates, 2);
  EXPECT_EQ(one.step.pending(), 1);
  EXPECT_EQ(one.numbers(), two.numbers());
}

TEST_P(Steps, AnUpdateComesAtEveryLastOfTheAccumulated) {
  SmallRun run(config(), {all_rows(SmallRun::batch), 3, 11, false}, small_optimizer(), GetParam());
  const auto start = run.model.parameters().values().to_vector<float>();
  run.run(0, 2);
  EXPECT_EQ(run.updates, 0);
  EXPECT_EQ(run.model.parameters().values().to_vector<float>(), start);
  EXPECT_NE(run.model.parameters().gradients().to_vector<float>(), std::vector<float>(start.size(), 0.0f));
  run.run(2, 1);
  EXPECT_EQ(run.updates, 1);
  EXPECT_NE(run.model.parameters().values().to_vector<float>(), start);
  EXPECT_EQ(run.model.parameters().gradients().to_vector<float>(), std::vector<float>(start.size(), 0.0f))
      << "gradients begin again";
  EXPECT_EQ(run.step.counters()[Counter::step], 1);
}

// From the first step's memory on nothing more is taken.
TEST_P(Steps, SteadyStepsTakeNoMoreDeviceMemory) {
  SmallRun run(config(), {all_rows(SmallRun::batch), 1, 11, false}, small_optimizer(), GetParam());
  run.run(0, 3);
  const size_t reserved = Arena::of(GetParam())->reserved_bytes();
  const size_t used = Arena::of(GetParam())->bytes_in_use();
  run.run(3, 6);
  EXPECT_EQ(Arena::of(GetParam())->reserved_bytes(), reserved);
  EXPECT_EQ(Arena::of(GetParam())->bytes_in_use(), used);
}

TEST_P(Steps, MetricsAreSumsSinceTheyWereRead) {
  SmallRun run(config(), {all_rows(SmallRun::batch), 1, 11, false}, small_optimizer(), GetParam());
  run.run(0, 4);
  const MetricsReading first = run.step.read_metrics();
  EXPECT_GT(first.lm_loss, 0);
  EXPECT_EQ(first.tokens, 4 * SmallRun::batch * config().seq_len - 4) << "one label of each batch is ignored";
  EXPECT_EQ(run.step.micro_batches(), 0);
  EXPECT_EQ(run.step.read_metrics().tokens, 0);
}

TEST(Metrics, AreDividedByTheirOwnRows) {
  std::vector<float> sums(Metric::count, 0.0f);
  sums[Metric::rows] = 4;
  sums[Metric::accuracy] = 2;
  sums[Metric::steps] = 10;
  sums[Metric::lm_loss] = 30;
  const MetricsReading m = divide_metrics(sums, 10);
  EXPECT_EQ(m.accuracy, 0.5);
  EXPECT_EQ(m.steps, 2.5);
  EXPECT_EQ(m.lm_loss, 3);
  sums[Metric::rows] = 0;
  EXPECT_TRUE(std::isnan(divide_metrics(sums, 10).accuracy)) << "no row has halted: not zero";
  EXPECT_TRUE(std::isnan(divide_metrics(sums, 0).lm_loss));
}

INSTANTIATE_TEST_SUITE_P(Devices, Steps, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

}  // namespace
}  // namespace trm::testing
