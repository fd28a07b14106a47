// One batch with the initial weights run to the end; and the first step in bfloat16, against PyTorch's own error there.
#include <cmath>

#include "model/act.h"
#include "tests/golden/golden_test.h"

namespace trm::testing {
namespace {

class GoldenEvaluation : public GoldenTest {};

DeviceBatch evaluation_batch(const GoldenFile& file, Device device) {
  return {file.int_tensor("eval/batch/inputs", device), file.int_tensor("eval/batch/labels", device), file.int_tensor("eval/batch/puzzle_identifiers", device)};
}

TEST_P(GoldenEvaluation, EverySupervisionStep) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  const auto model = file.model(device(), DType::float32);
  Carry carry = Carry::initial(*model, file.batch_size());
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device());
  const DeviceBatch batch = evaluation_batch(file, device());
  StepOptions options;
  options.keep_logits = true;
  for (int step = 0; step < model->config().halt_max_steps; ++step) {
    SCOPED_TRACE("evaluation step " + std::to_string(step));
    const double tolerance = step == 0 ? output_tolerance : late_evaluation_tolerance;
    Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, device());
    const StepResult result = supervision_step(*model, carry, batch, counters, options, metrics);
    const std::string group = "eval/" + std::to_string(step) + "/outputs";
    EXPECT_LT(norm_error(result.logits, file.doubles(group + "/logits")), tolerance);
    EXPECT_LT(norm_error(column(result.q, 0), file.doubles(group + "/q_halt_logits")), tolerance);
    EXPECT_EQ(result.preds.to_vector<int32_t>(), file.integers(group + "/preds"));
    if (step + 1 < model->config().halt_max_steps) continue;
    const auto sums = metrics.to_vector<float>();
    EXPECT_EQ(sums[Metric::rows], file.scalar("eval/metrics/count"));
    EXPECT_EQ(sums[Metric::steps], file.scalar("eval/metrics/steps"));
    EXPECT_NEAR(sums[Metric::lm_loss], file.scalar("eval/metrics/lm_loss"), tolerance * file.scalar("eval/metrics/lm_loss"));
    EXPECT_NEAR(sums[Metric::q_halt_loss], file.scalar("eval/metrics/q_halt_loss"), tolerance * file.scalar("eval/metrics/q_halt_loss"));
  }
}

TRM_GOLDEN_SUITE(GoldenEvaluation, "trm_attention", "trm_mlp", "trm_learned", "trm_continue", "trm_chat", "trm_chat_recursive", "trm_chat_last", "trm_singlez", "trm_hier6", "hrm", "transformers_baseline");

/// rms of the difference / rms of the first-step logits that PyTorch reaches in bfloat16 (golden README).
const std::map<std::string, double> torch_bfloat16_error{
    {"trm_attention", 0.008}, {"trm_mlp", 0.068}, {"trm_learned", 0.012}, {"trm_chat", 0.0095}, {"trm_chat_recursive", 0.013}};

class GoldenBfloat16 : public GoldenTest {};

TEST_P(GoldenBfloat16, FirstStepLogits) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  const auto model = file.model(device(), DType::bfloat16);
  Carry carry = Carry::initial(*model, file.batch_size());
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device());
  Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, device());
  StepOptions options;
  options.keep_logits = true;
  const StepResult result = supervision_step(*model, carry, evaluation_batch(file, device()), counters, options, metrics);
  const auto logits = result.logits.to_vector<float>();
  const auto expected = file.doubles("eval/0/outputs/logits");
  ASSERT_EQ(logits.size(), expected.size());
  double difference = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference += (logits[i] - expected[i]) * (logits[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  const double error = std::sqrt(difference / size);
  RecordProperty("relative_rms_error", std::to_string(error));
  EXPECT_LT(error, 1.5 * torch_bfloat16_error.at(name()));
}

TRM_GOLDEN_SUITE(GoldenBfloat16, "trm_attention", "trm_mlp", "trm_learned", "trm_chat", "trm_chat_recursive");

}  // namespace
}  // namespace trm::testing
