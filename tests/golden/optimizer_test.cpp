// Three updates from the initial weights with the file's gradients; clipping; sign-SGD; the schedule.
#include <nlohmann/json.hpp>

#include "optimizer/optimizer.h"
#include "tests/golden/golden_test.h"

namespace trm::testing {
namespace {

class GoldenOptimizer : public GoldenTest {
 protected:
  void expect_updates(ops::Optimizer kind, const std::string& group, bool clipped);
};

void GoldenOptimizer::expect_updates(ops::Optimizer kind, const std::string& group, bool clipped) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  const auto model = file.model(device(), DType::float32);
  ParameterStore& store = model->parameters();
  OptimizerSettings settings = file.optimizer(kind, clipped);
  settings.plan.total_steps = 0;  // a constant rate
  OptimizerState state(store, settings);
  std::vector<float> norms;
  for (const auto& step : file.children("optimizer/gradients")) {
    for (const auto& p : store.all()) p->gradient.copy_from_host(file.floats("optimizer/gradients/" + step + "/" + p->name).data());
    state.update(store, nullptr, nullptr);
    norms.push_back(state.control().to_vector<float>()[Control::grad_norm]);
  }
  const auto saved = state.state(store);
  for (const auto& p : store.all()) {
    EXPECT_LT(relative_error(p->master, file.doubles(group + "/state/" + p->name)), optimizer_tolerance) << p->name;
    if (clipped) continue;
    EXPECT_LT(relative_error(saved.at("optimizer/exp_avg/" + p->name), file.doubles(group + "/exp_avg/" + p->name)), optimizer_tolerance) << p->name;
    EXPECT_LT(relative_error(saved.at("optimizer/exp_avg_sq/" + p->name), file.doubles(group + "/exp_avg_sq/" + p->name)), optimizer_tolerance) << p->name;
    EXPECT_LT(relative_error(saved.at("ema/" + p->name), file.doubles(group + "/ema/" + p->name)), optimizer_tolerance) << p->name;
  }
  if (clipped) {
    EXPECT_LT(relative_error(norms, file.doubles(group + "/norms")), optimizer_tolerance);
  }
}

TEST_P(GoldenOptimizer, AdamW) { expect_updates(ops::Optimizer::adamw, "optimizer/adamw", false); }
TEST_P(GoldenOptimizer, AdamAtan2) { expect_updates(ops::Optimizer::adam_atan2, "optimizer/adam_atan2", false); }
TEST_P(GoldenOptimizer, Clipped) { expect_updates(ops::Optimizer::adamw, "optimizer/adamw_clipped", true); }

TEST_P(GoldenOptimizer, SignSgd) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  if (!file.has("optimizer/sign_sgd")) GTEST_SKIP() << "no puzzle embeddings in this file";
  const OptimizerSettings settings = file.optimizer(ops::Optimizer::adamw, false);
  std::vector<float> control(Control::count, 0.0f);
  control[Control::puzzle_lr] = settings.plan.puzzle_lr;
  control[Control::apply] = 1;
  const Tensor control_tensor = Tensor::from(control, {Control::count}, device());
  Tensor table = file.float_tensor("initial_state/model.inner.puzzle_emb.weights", device());
  for (const auto& step : file.children("optimizer/sign_sgd")) {
    if (step == "weights") continue;
    ops::sign_sgd(file.float_tensor("optimizer/sign_sgd/" + step + "/row_gradients", device()),
                  file.int_tensor("optimizer/sign_sgd/" + step + "/puzzle_identifiers", device()), control_tensor, settings.puzzle_weight_decay, table);
  }
  EXPECT_LT(relative_error(table, file.doubles("optimizer/sign_sgd/weights")), optimizer_tolerance);
}

TEST_P(GoldenOptimizer, Schedule) {
  TRM_REQUIRE_SHARED(golden_path(name()));
  const GoldenFile file(golden_file(name()));
  const auto schedule = nlohmann::json::parse(file.attribute("optimizer"))["schedule"];
  UpdatePlan plan;
  plan.lr = schedule["lr"];
  plan.min_ratio = schedule["lr_min_ratio"];
  plan.warmup_steps = schedule["lr_warmup_steps"];
  plan.total_steps = schedule["total_steps"];
  const Tensor square = Tensor::from(std::vector<float>{1.0f}, {1}, device());
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device()), control = Tensor::zeros({Control::count}, DType::float32, device());
  std::vector<float> rates;
  for (int64_t step = 0; step < plan.total_steps; ++step) {
    ops::plan_update(plan, square, nullptr, counters, control);
    rates.push_back(control.to_vector<float>()[Control::lr]);
  }
  EXPECT_LT(relative_error(rates, file.doubles("optimizer/schedule")), optimizer_tolerance);
}

TRM_GOLDEN_SUITE(GoldenOptimizer, "trm_attention", "trm_chat");

}  // namespace
}  // namespace trm::testing
