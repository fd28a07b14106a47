// An optimizer of one's own, added as ARCHITECTURE.md says: it trains, has its rates, is saved and resumed, without a
// change elsewhere.
#include "optimizer/optimizers.h"
#include "runtime/checkpoint_state.h"
#include "runtime/training_step.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

/// Gradient descent with momentum: m ← μ·m + g; p ← p(1 - lr·wd) - lr·m. On the host, so that it runs anywhere.
class Momentum final : public UpdateRule {
 public:
  std::vector<std::string> state_names() const override { return {"momentum_buffer"}; }
  void update(UpdateTarget& target, const Tensor& control) const override {
    const auto plan = control.to_vector<float>(), rates = target.rates.to_vector<float>(),
               g = target.gradients.to_vector<float>();
    if (plan[Control::apply] == 0) return;
    auto p = target.values.to_vector<float>(), m = target.state[0].to_vector<float>();
    for (size_t i = 0; i < p.size(); ++i) {
      m[i] = 0.9f * m[i] + plan[Control::clip] * g[i];
      p[i] = p[i] * (1 - rates[Rate::lr] * target.weight_decay) - rates[Rate::lr] * m[i];
    }
    target.values.copy_from_host(p.data());
    target.state[0].copy_from_host(m.data());
  }
};

OptimizerEntry momentum() {
  return {"test_momentum",
          [](const OptimizerSettings& s, const ParameterStore& store) -> std::vector<ParameterGroup> {
            return {{std::make_shared<Momentum>(), store.everything(), "lr", s.lr, s.weight_decay}};
          },
          1};
}

struct Training {
  static constexpr int64_t batch = 2, length = 6;
  Model model;
  OptimizerState optimizer;
  TrainingStep step;

  Training(Device device, const OptimizerSettings& settings, uint64_t seed = 3)
      : model(config(), device, seed, true),
        optimizer(model.parameters(), settings),
        step(model, optimizer, {all_rows(batch), 2, 1, false}) {}
  static ModelConfig config() {
    ModelConfig c;
    c.hidden_size = 32;
    c.num_heads = 2;
    c.expansion = 2;
    c.H_cycles = c.L_cycles = c.L_layers = 1;
    c.halt_max_steps = 2;
    c.seq_len = length;
    c.vocab_size = 11;
    c.forward_dtype = DType::float32;
    return c;
  }
  /// So many optimizer steps of two micro-batches; the loss of the last.
  double train(int steps) {
    double loss = 0;
    for (int i = 0; i < 2 * steps; ++i) {
      const std::vector<int32_t> tokens = random_integers(batch * length, 1, 11, 5), ids(batch, 0);
      step.run(tokens.data(), tokens.data(), ids.data());
      loss = step.read_metrics().lm_loss;
    }
    return loss;
  }
};

class NewRule : public ::testing::TestWithParam<Device> {
 protected:
  void SetUp() override { add_optimizer(momentum()); }
  static OptimizerSettings settings() {
    OptimizerSettings s;
    s.name = "test_momentum";
    s.lr = 0.05f;
    s.schedule = {Decay::cosine, 3, 20, 0.1f};
    s.grad_clip_norm = 1;
    s.ema = true;
    s.ema_rate = 0.5f;
    return s;
  }
};

TEST_P(NewRule, TrainsAModel) {
  Training run(GetParam(), settings());
  const double before = run.train(1), after = run.train(19);
  EXPECT_LT(after, 0.7 * before);
  EXPECT_FLOAT_EQ(run.optimizer.learning_rates()[0].second, 0.005f);
}

TEST_P(NewRule, ItsStateIsSavedAndResumedExactly) {
  Training unbroken(GetParam(), settings()), broken(GetParam(), settings());
  unbroken.train(8);
  broken.train(4);
  const checkpoint::Checkpoint saved = capture_run(broken.model, broken.optimizer, broken.step, 1, {});
  EXPECT_TRUE(saved.arrays.contains("optimizer/momentum_buffer/model.inner.lm_head.weight"));
  EXPECT_FALSE(saved.arrays.contains("optimizer/exp_avg/model.inner.lm_head.weight"));
  Training resumed(GetParam(), settings(), 99);
  restore_run(saved, "saved.h5", resumed.model, resumed.optimizer, resumed.step);
  resumed.train(4);
  const auto a = capture_run(unbroken.model, unbroken.optimizer, unbroken.step, 1, {}),
             b = capture_run(resumed.model, resumed.optimizer, resumed.step, 1, {});
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (const auto& [name, array] : a.arrays)
    if (name != "accumulation/metrics") {
      EXPECT_EQ(array.bytes, b.arrays.at(name).bytes) << name;
    }
  EXPECT_EQ(unbroken.optimizer.learning_rates(), resumed.optimizer.learning_rates());
}

TEST_P(NewRule, ACheckpointOfAnotherOptimizerIsRefusedByName) {
  OptimizerSettings adamw = settings();
  adamw.name = "adamw";
  Training other(GetParam(), adamw), run(GetParam(), settings());
  other.train(1);
  const checkpoint::Checkpoint saved = capture_run(other.model, other.optimizer, other.step, 1, {});
  try {
    restore_run(saved, "saved.h5", run.model, run.optimizer, run.step);
    FAIL() << "AdamW's moments were taken for a momentum";
  } catch (const checkpoint::Error& error) {
    EXPECT_NE(std::string(error.what()).find("optimizer/momentum_buffer/"), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, NewRule, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

}  // namespace
}  // namespace trm::testing
