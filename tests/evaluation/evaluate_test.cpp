// The evaluation loop: what evaluators are given, and that heads run only where they are read.
#include "evaluation/evaluate.h"

#include <gtest/gtest.h>

#include "device/kernels.h"
#include "evaluation/evaluation_step.h"
#include "evaluation/mean_metrics.h"
#include "tests/data/folders.h"

namespace trm::testing {
namespace {

ModelConfig tiny_config(const std::string& variant = "trm") {
  ModelConfig c;
  c.name = variant;
  c.hidden_size = 32;
  c.num_heads = 2;
  c.expansion = 1;
  c.H_cycles = c.L_cycles = 2;
  c.H_layers = variant == "hrm" ? 1 : 0;
  c.L_layers = 1;
  c.halt_max_steps = 3;
  c.forward_dtype = DType::float32;
  c.seq_len = 4;
  c.vocab_size = 10;
  return c;
}

/// Adds the sums of each supervision step, as an evaluator that reads them all.
class StepSums : public Evaluator {
 public:
  explicit StepSums(bool every_step) : every_step_(every_step) {}
  Reads reads() const override { return {.every_step = every_step_}; }
  void begin(const EvaluationPlace&) override {}
  void add(const ExampleSet&, const Batch&, const std::vector<EvaluatedStep>& steps) override {
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].metrics) sums[i].push_back(steps[i].metrics.to_vector<float>());
      q[i].push_back(steps[i].result.q.to_vector<float>());
    }
  }
  Metrics metrics() override { return {{"batches", static_cast<double>(q[0].size())}}; }
  std::string state() const override { return ""; }
  void merge(const std::string&) override {}

  std::vector<std::vector<float>> sums[3], q[3];

 private:
  bool every_step_;
};

class Evaluation : public ::testing::TestWithParam<const char*> {
 protected:
  Evaluation() {
    Synthetic data;
    data.puzzle_sizes = {3, 2, 5};
    data.metadata.vocab_size = 10;
    data.write(folder_.path(), "test");
    dataset_ = std::make_shared<const Dataset>(Dataset::open({folder_.path()}, "test"));
    options_.batch_size = 4;
  }
  Model model() const { return Model(tiny_config(GetParam()), cpu_device, 5, false); }
  uint64_t head_calls() const { return kernels::linear_cross_entropy.counts(DeviceKind::cpu).calls; }

  TemporaryFolder folder_;
  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
};

TEST_P(Evaluation, HeadsRunWhereTheyAreRead) {
  const Model model = this->model();
  StepSums last(false), every(true);
  const uint64_t before = head_calls();
  const auto metrics = evaluate(run_batches(model, 4), dataset_, options_, {&last}, {});
  EXPECT_EQ(head_calls() - before, 3u) << "three batches, each one step's heads";
  ASSERT_TRUE(metrics);
  EXPECT_EQ(*metrics, (Metrics{{"batches", 3}}));
  evaluate(run_batches(model, 4), dataset_, options_, {&every}, {});
  EXPECT_EQ(head_calls() - before, 3u + 9u);

  EXPECT_TRUE(last.sums[0].empty() && last.sums[1].empty());
  ASSERT_EQ(every.sums[0].size(), 3u);
  EXPECT_EQ(last.sums[2], every.sums[2]) << "the last step's sums have other bits";
  for (int step = 0; step < 3; ++step) EXPECT_EQ(last.q[step], every.q[step]);
  EXPECT_NE(every.sums[0], every.sums[2]);
}

TEST_P(Evaluation, MeansAreThoseOfTheDevicesSums) {
  const Model model = this->model();
  StepSums each(false);
  MeanMetrics means({"all"}, model.config().continue_loss());
  const auto metrics = evaluate(run_batches(model, 4), dataset_, options_, {&means, &each}, {});
  ASSERT_TRUE(metrics);
  std::vector<float> sums(Metric::count);
  for (const auto& batch : each.sums[2])
    for (int slot = 0; slot < Metric::count; ++slot) sums[slot] += batch[slot];
  sums[Metric::q_halt_loss] = sums[Metric::counted_q_halt_loss];
  sums[Metric::q_continue_loss] = sums[Metric::counted_q_continue_loss];
  const double rows = sums[Metric::rows];
  EXPECT_EQ(rows, 9) << "the example whose labels are all ignored counts nowhere";
  MetricsSum expected;
  expected.add(divide_metrics(sums, rows));
  Metrics all = named_metrics("all", expected.mean(), model.config().continue_loss());
  all.emplace_back("batches", 3);
  EXPECT_EQ(*metrics, all);
}

TEST_P(Evaluation, SumsOfTwoProcessesMeet) {
  const Model model = this->model();
  MeanMetrics whole({"all"}, false), first({"all"}, false), second({"all"}, false);
  EvaluationStep step(model, 4);
  Loader loader = Loader::evaluation(dataset_, options_);
  for (int i = 0; const auto batch = loader.next(); ++i) {
    const auto steps = step.run(batch->inputs, batch->labels, batch->puzzle_identifiers);
    whole.add(dataset_->sets()[0], *batch, steps);
    (i == 1 ? second : first).add(dataset_->sets()[0], *batch, steps);
  }
  first.merge(second.state());
  const Metrics expected = whole.metrics(), met = first.metrics();
  ASSERT_EQ(expected.size(), met.size());
  for (size_t i = 0; i < met.size(); ++i) EXPECT_NEAR(met[i].second, expected[i].second, 1e-6) << met[i].first;
}

TEST_P(Evaluation, StopsWhenTold) {
  const Model model = this->model();
  StepSums sums(false);
  EXPECT_FALSE(evaluate(run_batches(model, 4), dataset_, options_, {&sums}, {}, [](uint64_t seen, uint64_t examples) {
    EXPECT_EQ(examples, 10u);
    return seen < 4;
  }));
  EXPECT_EQ(sums.q[0].size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Variants, Evaluation, ::testing::Values("trm", "hrm"));

}  // namespace
}  // namespace trm::testing
