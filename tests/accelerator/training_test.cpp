// Small models trained on the accelerator and on the cpu from the same weights: the same losses, then the same logits
// on either device.
#include "model/decoder.h"
#include "runtime/training_step.h"
#include "tests/accelerator/require.h"
#include "tests/model/first_logits.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

constexpr int64_t batch = 4;
constexpr int steps = 20;

ModelConfig small_model() {
  ModelConfig c;
  c.hidden_size = 64;
  c.num_heads = 4;
  c.expansion = 2;
  c.H_cycles = 2;
  c.L_cycles = 2;
  c.L_layers = 1;
  c.halt_max_steps = 3;
  c.seq_len = 31;
  c.vocab_size = 13;
  c.forward_dtype = DType::float32;
  return c;
}

ModelConfig sudoku(bool mlp_t) {
  ModelConfig c = small_model();
  c.mixer = mlp_t ? "mlp" : "attention";
  c.loss = LossKind::stablemax;
  c.halt_exploration_prob = 0.1f;
  c.puzzle_emb_ndim = 64;
  c.puzzle_emb_len = 2;
  c.num_puzzle_identifiers = 5;
  return c;
}

ModelConfig chat() {
  ModelConfig c = small_model();
  c.causal = true;
  c.loss = LossKind::softmax;
  c.halt_max_steps = 1;
  return c;
}

struct Trained {
  std::unique_ptr<Model> model;
  std::vector<double> losses;
};

Trained train(const ModelConfig& config, Device device) {
  Trained run{std::make_unique<Model>(config, device, 3, true), {}};
  OptimizerSettings settings;
  settings.lr = 1e-3f;
  settings.puzzle_lr = 1e-3f;
  settings.schedule.warmup_steps = 5;
  settings.schedule.total_steps = 100;
  settings.grad_clip_norm = 1;
  settings.ema = true;
  settings.ema_rate = 0.9f;
  OptimizerState optimizer(run.model->parameters(), settings);
  TrainingStep step(*run.model, optimizer, {all_rows(batch), 1, 11, false});
  for (int i = 0; i < steps; ++i) {
    const auto inputs = random_integers(batch * config.seq_len, 1, config.vocab_size, 2 * i);
    const auto ids = random_integers(batch, 0, 5, 1000 + i);
    step.run(inputs.data(), inputs.data(), ids.data());
    run.losses.push_back(step.read_metrics().lm_loss);
  }
  return run;
}

class AcceleratorTraining : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { TRM_REQUIRE_ACCELERATOR(); }
  ModelConfig config() const {
    const std::string name = GetParam();
    return name == "chat" ? chat() : sudoku(name == "sudoku_mlp");
  }
};

TEST_P(AcceleratorTraining, FollowsTheCpu) {
  const Trained there = train(config(), accelerator), here = train(config(), cpu_device);
  EXPECT_LT(here.losses.back(), here.losses.front());
  for (int i = 0; i < steps; ++i) EXPECT_NEAR(there.losses[i], here.losses[i], 1e-3) << "step " << i;

  // weights trained on the one device, loaded on the other
  const auto tokens = random_integers(config().seq_len, 1, config().vocab_size, 77);
  Model moved(config(), cpu_device, 99, false);
  moved.load_state(there.model->state());
  const auto logits = first_logits(*there.model, tokens);
  EXPECT_LT(relative_error(first_logits(moved, tokens), widen(logits)), 1e-4);
  Model back(config(), accelerator, 98, false);
  back.load_state(here.model->state());
  EXPECT_LT(relative_error(first_logits(back, tokens), widen(first_logits(*here.model, tokens))), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Models, AcceleratorTraining, ::testing::Values("sudoku_mlp", "sudoku_att", "chat"),
                         [](const auto& info) { return std::string(info.param); });

class AcceleratorDecoding : public ::testing::Test {
 protected:
  void SetUp() override { TRM_REQUIRE_ACCELERATOR(); }
};

std::vector<int32_t> greedy(const Model& model, int count) {
  const auto decoder = make_incremental_decoder(model, false);
  std::vector<int32_t> tokens{1, 2, 3};
  auto logits = decoder->feed(tokens);
  while (static_cast<int>(tokens.size()) < count) {
    tokens.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    logits = decoder->feed(std::span(tokens).last(1));
  }
  return tokens;
}

TEST_F(AcceleratorDecoding, GivesTheCpusGreedyTokens) {
  const Trained trained = train(chat(), accelerator);
  Model here(chat(), cpu_device, 5, false);
  here.load_state(trained.model->state());
  EXPECT_EQ(greedy(*trained.model, 28), greedy(here, 28));
}

}  // namespace
}  // namespace trm::testing
