// Three updates from the initial weights with the file's gradients; clipping; sign-SGD; the schedule.
#include <nlohmann/json.hpp>

#include "optimizer/optimizer.h"
#include "tests/golden/golden_test.h"

namespace trm::testing {
namespace {

class GoldenOptimizer : public GoldenTest {
 protected:
  void expect_updates(const std::string& optimizer, const std::string& group, bool clipped);
};

void GoldenOptimizer::expect_updates(const std::string& optimizer, const std::string& group, bool clipped) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  const auto model = file.model(device(), DType::float32);
  ParameterStore& store = model->parameters();
  OptimizerSettings settings = file.optimizer(optimizer, clipped);
  settings.schedule.decay = Decay::constant;
  OptimizerState state(store, settings);
  std::vector<float> norms;
  for (const auto& step : file.children("optimizer/gradients")) {
    for (const auto& p : store.all()) p->gradient.copy_from_host(file.floats("optimizer/gradients/" + step + "/" + p->name).data());
    state.begin_step()();
    state.update(store, nullptr, nullptr);
    norms.push_back(state.control().to_vector<float>()[Control::grad_norm]);
  }
  const auto saved = state.state(store);
  for (const auto& p : store.all()) {
    EXPECT_LT(norm_error(p->master, file.doubles(group + "/state/" + p->name)), optimizer_tolerance) << p->name;
    if (clipped) continue;
    EXPECT_LT(norm_error(saved.at("optimizer/exp_avg/" + p->name), file.doubles(group + "/exp_avg/" + p->name)), optimizer_tolerance) << p->name;
    EXPECT_LT(norm_error(saved.at("optimizer/exp_avg_sq/" + p->name), file.doubles(group + "/exp_avg_sq/" + p->name)), optimizer_tolerance) << p->name;
    EXPECT_LT(norm_error(saved.at("ema/" + p->name), file.doubles(group + "/ema/" + p->name)), optimizer_tolerance) << p->name;
  }
  if (clipped) {
    EXPECT_LT(norm_error(norms, file.doubles(group + "/norms")), optimizer_tolerance);
  }
}

TEST_P(GoldenOptimizer, AdamW) { expect_updates("adamw", "optimizer/adamw", false); }
TEST_P(GoldenOptimizer, AdamAtan2) { expect_updates("adam_atan2", "optimizer/adam_atan2", false); }
TEST_P(GoldenOptimizer, Clipped) { expect_updates("adamw", "optimizer/adamw_clipped", true); }

TEST_P(GoldenOptimizer, SignSgd) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  if (!file.has("optimizer/sign_sgd")) GTEST_SKIP() << "no puzzle embeddings in this file";
  const OptimizerSettings settings = file.optimizer("adamw", false);
  const Tensor control = Tensor::from(std::vector<float>(Control::count, 1.0f), {Control::count}, device()),
               rates = Tensor::from(std::vector<float>{settings.puzzle_lr, 0}, {Rate::count}, device());
  Tensor table = file.float_tensor("initial_state/model.inner.puzzle_emb.weights", device());
  for (const auto& step : file.children("optimizer/sign_sgd")) {
    if (step == "weights") continue;
    ops::sign_sgd(file.float_tensor("optimizer/sign_sgd/" + step + "/row_gradients", device()),
                  file.int_tensor("optimizer/sign_sgd/" + step + "/puzzle_identifiers", device()), control, rates, settings.puzzle_weight_decay, table);
  }
  EXPECT_LT(norm_error(table, file.doubles("optimizer/sign_sgd/weights")), optimizer_tolerance);
}

TRM_GOLDEN_SUITE(GoldenOptimizer, "trm_attention", "trm_chat");

TEST(GoldenSchedule, CosineWithWarmUp) {
  for (const char* model : {"trm_attention", "trm_chat"}) {
    TRM_REQUIRE_SHARED(golden_path(model));
    const GoldenFile file(golden_file(model));
    const auto given = nlohmann::json::parse(file.attribute("optimizer"))["schedule"];
    const Schedule schedule{Decay::cosine, given["lr_warmup_steps"], given["total_steps"], given["lr_min_ratio"]};
    const double lr = given["lr"];
    const std::vector<double> expected = file.doubles("optimizer/schedule");
    ASSERT_EQ(expected.size(), static_cast<size_t>(schedule.total_steps));
    ASSERT_GT(expected.size(), 0u);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(lr * schedule.factor(static_cast<int64_t>(i) + 1), expected[i], 1e-6 * lr) << model << ", step " << i + 1;
  }
}

}  // namespace
}  // namespace trm::testing
