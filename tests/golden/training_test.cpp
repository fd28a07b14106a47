// Six supervision steps in a row, each from the file's previous carry: outputs, loss, metrics, carry, gradients.
#include <set>

#include "model/act.h"
#include "tests/golden/golden_test.h"

namespace trm::testing {
namespace {

DeviceBatch read_batch(const GoldenFile& file, const std::string& group, Device device) {
  return {file.int_tensor(group + "/inputs", device), file.int_tensor(group + "/labels", device), file.int_tensor(group + "/puzzle_identifiers", device)};
}

void read_carry(const GoldenFile& file, const std::string& group, const Model& model, Carry& carry) {
  for (const auto& [name, tensor] : carry.state(model)) {
    const std::string path = group + "/" + name;
    if (tensor.dtype() == DType::int32) {
      tensor.copy_from_host(file.integers(path).data());
    } else if (tensor.dtype() == DType::boolean) {
      const auto values = file.integers(path);
      const std::vector<uint8_t> bytes(values.begin(), values.end());
      tensor.copy_from_host(bytes.data());
    } else {
      tensor.copy_from_host(file.floats(path).data());
    }
  }
}

class GoldenTraining : public GoldenTest {
 protected:
  void run(bool keep_logits);
};

void GoldenTraining::run(bool keep_logits) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  const auto model = file.model(device(), DType::float32);
  Carry carry = Carry::initial(*model, file.batch_size());
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device());
  const auto steps = file.children("train");
  int with_gradients = 0;
  for (const auto& step : steps) {
    SCOPED_TRACE("train step " + step);
    const std::string group = "train/" + step;
    if (step != steps.front()) read_carry(file, "train/" + std::to_string(std::stoi(step) - 1) + "/carry", *model, carry);
    model->parameters().gradients().fill_zero();
    Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, device());
    StepOptions options;
    options.training = true;
    options.keep_logits = keep_logits;
    options.grad_scale = 1.0f / static_cast<float>(file.batch_size());
    const StepResult result = supervision_step(*model, carry, read_batch(file, group + "/batch", device()), counters, options, metrics);

    if (keep_logits) {
      EXPECT_LT(norm_error(result.logits, file.doubles(group + "/outputs/logits")), output_tolerance);
    }
    EXPECT_LT(norm_error(column(result.q, 0), file.doubles(group + "/outputs/q_halt_logits")), output_tolerance);
    EXPECT_LT(norm_error(column(result.q, 1), file.doubles(group + "/outputs/q_continue_logits")), output_tolerance);
    EXPECT_EQ(result.preds.to_vector<int32_t>(), file.integers(group + "/outputs/preds"));
    if (file.has(group + "/outputs/target_q_continue")) {
      EXPECT_LT(norm_error(result.target_q_continue, file.doubles(group + "/outputs/target_q_continue")), output_tolerance);
    }

    for (const auto& [key, tensor] : carry.state(*model)) {
      const std::string path = group + "/carry/" + key;
      if (tensor.dtype() == DType::int32) {
        EXPECT_EQ(tensor.to_vector<int32_t>(), file.integers(path)) << key;
      } else if (tensor.dtype() == DType::boolean) {
        const auto halted = tensor.to_vector<uint8_t>();
        EXPECT_EQ(std::vector<int32_t>(halted.begin(), halted.end()), file.integers(path)) << key;
      } else {
        EXPECT_LT(norm_error(tensor, file.doubles(path)), output_tolerance) << key;
      }
    }

    const auto sums = metrics.to_vector<float>();
    const std::map<std::string, int> slots{{"count", Metric::rows}, {"accuracy", Metric::accuracy}, {"exact_accuracy", Metric::exact_accuracy},
                                           {"q_halt_accuracy", Metric::q_halt_accuracy}, {"steps", Metric::steps}, {"lm_loss", Metric::lm_loss},
                                           {"q_halt_loss", Metric::q_halt_loss}, {"q_continue_loss", Metric::q_continue_loss}};
    std::set<std::string> metrics_expected;
    for (const auto& [metric, slot] : slots)
      if (slot != Metric::q_continue_loss || !model->config().no_ACT_continue) metrics_expected.insert(metric);
    const auto metrics_there = file.children(group + "/metrics");
    EXPECT_EQ(std::set<std::string>(metrics_there.begin(), metrics_there.end()), metrics_expected);
    for (const auto& metric : metrics_there)
      EXPECT_NEAR(sums.at(slots.at(metric)), file.scalar(group + "/metrics/" + metric), 1e-4 * std::max(1.0, file.scalar(group + "/metrics/" + metric))) << metric;
    const double loss = sums[Metric::lm_loss] + 0.5 * (sums[Metric::q_halt_loss] + sums[Metric::q_continue_loss]);
    EXPECT_NEAR(loss, file.scalar(group + "/loss"), output_tolerance * file.scalar(group + "/loss"));

    if (!file.has(group + "/grad")) continue;
    ++with_gradients;
    for (const auto& p : model->parameters().all())
      EXPECT_LT(norm_error(p->gradient, file.doubles(group + "/grad/" + p->name)), gradient_tolerance) << p->name;
    if (file.has(group + "/grad/puzzle_emb_local")) {
      EXPECT_LT(norm_error(result.puzzle_gradient, file.doubles(group + "/grad/puzzle_emb_local")), gradient_tolerance);
    }
  }
  EXPECT_GE(with_gradients, 2);
}

TEST_P(GoldenTraining, StepsWithLogits) { run(true); }
TEST_P(GoldenTraining, StepsWithFusedHead) { run(false); }

/// Gradients of two micro-batches add up to what each gives alone, scaled.
TEST_P(GoldenTraining, Accumulation) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  if (!file.has("train/4/grad")) GTEST_SKIP() << "no second gradient in this file";
  const auto model = file.model(device(), DType::float32);
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device());
  Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, device());
  StepOptions options;
  options.training = true;
  options.grad_scale = 1.0f / static_cast<float>(2 * file.batch_size());
  Carry carry = Carry::initial(*model, file.batch_size());
  supervision_step(*model, carry, read_batch(file, "train/0/batch", device()), counters, options, metrics);
  read_carry(file, "train/3/carry", *model, carry);
  supervision_step(*model, carry, read_batch(file, "train/4/batch", device()), counters, options, metrics);
  for (const auto& p : model->parameters().all()) {
    auto expected = file.doubles("train/0/grad/" + p->name);
    const auto second = file.doubles("train/4/grad/" + p->name);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = (expected[i] + second[i]) / 2;
    EXPECT_LT(norm_error(p->gradient, expected), gradient_tolerance) << p->name;
  }
}

TRM_GOLDEN_SUITE(GoldenTraining, "trm_attention", "trm_mlp", "trm_learned", "trm_continue", "trm_chat", "trm_chat_recursive", "trm_chat_last", "trm_singlez", "trm_hier6", "hrm", "transformers_baseline");

}  // namespace
}  // namespace trm::testing
