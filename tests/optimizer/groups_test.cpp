// Groups of parameters, their rules and rates, against float64, on every device.
#include <cmath>
#include <limits>

#include "optimizer/error.h"
#include "optimizer/optimizer.h"
#include "settings/keys.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

/// Declared with the matrices in the middle, which the store puts at the end.
struct Parameters {
  ParameterStore store;
  std::map<std::string, std::vector<float>> start;

  explicit Parameters(Device device, DType dtype = DType::float32) : store(device, dtype) {
    add("embedding", {7, 5}, ParameterUse::table, ParameterRole::embedding);
    add("first", {6, 10}, ParameterUse::product, ParameterRole::matrix);
    add("gain", {9}, ParameterUse::master, ParameterRole::vector);
    add("second", {3, 70}, ParameterUse::product, ParameterRole::matrix);
    add("head", {7, 5}, ParameterUse::product, ParameterRole::head);
    store.materialize(true);
  }
  void add(const std::string& name, const Shape& shape, ParameterUse use, ParameterRole role) {
    start[name] = random_values(shape.elements(), DType::float32, start.size() + 1);
    store.add(name, shape, use, role, start[name]);
  }
  /// Gradients of a step, the same for the same step.
  std::vector<float> gradient(const Parameter& p, int step) const {
    return random_values(p.shape.elements(), DType::float32,
                         100 * static_cast<uint64_t>(step) + static_cast<uint64_t>(p.shape[0]) + p.name.size(), 0.1f);
  }
  void step(OptimizerState& optimizer, int step, float spoiled = 0) {
    for (const auto& p : store.all()) {
      std::vector<float> g = gradient(*p, step);
      if (spoiled != 0) g[1] = spoiled;
      p->gradient.copy_from_host(g.data());
    }
    optimizer.begin_step()();
    optimizer.update(store, nullptr, nullptr);
  }
};

/// AdamW of one parameter in float64.
struct Reference {
  std::vector<double> p, m, v, ema;

  explicit Reference(const std::vector<float>& start) : p(widen(start)), m(p.size()), v(p.size()), ema(p) {}
  void step(const std::vector<float>& g, int t, double lr, double decay, bool atan2, double ema_rate) {
    for (size_t i = 0; i < p.size(); ++i) {
      p[i] *= 1 - lr * decay;
      m[i] += 0.1 * (g[i] - m[i]);
      v[i] += 0.05 * (double{g[i]} * g[i] - v[i]);
      const double bias = 1 - std::pow(0.9, t), root = std::sqrt(v[i] / (1 - std::pow(0.95, t)));
      p[i] -= atan2 ? lr / bias * std::atan2(m[i], root) : lr * (m[i] / bias) / (root + 1e-8);
      ema[i] = ema_rate * ema[i] + (1 - ema_rate) * p[i];
    }
  }
};

/// AdamW on all but the matrices, Adam-atan2 at four times the rate on these, each with a decay of its own.
OptimizerEntry mixed() {
  return {"test_mixed",
          [](const OptimizerSettings& s, const ParameterStore& store) -> std::vector<ParameterGroup> {
            return {{make_adam_atan2(s), store.matrices(), "matrix_lr", 4 * s.lr, 0.5f},
                    {make_adamw(s), store.others(), "lr", s.lr, s.weight_decay}};
          },
          2};
}

class Groups : public ::testing::TestWithParam<Device> {
 protected:
  static OptimizerSettings settings(const std::string& name) {
    OptimizerSettings s;
    s.name = name;
    s.lr = 0.01f;
    s.weight_decay = 0.1f;
    s.schedule = {Decay::linear, 2, 10, 0};
    s.ema = true;
    s.ema_rate = 0.75f;
    return s;
  }
  void expect_float64(const std::string& name, bool atan2_of_matrices, bool atan2_of_others, double matrix_lr,
                      double matrix_decay);
};

void Groups::expect_float64(const std::string& name, bool atan2_of_matrices, bool atan2_of_others, double matrix_lr,
                            double matrix_decay) {
  Parameters all(GetParam());
  OptimizerState optimizer(all.store, settings(name));
  std::map<std::string, Reference> expected;
  for (const auto& p : all.store.all()) expected.emplace(p->name, all.start.at(p->name));
  for (int t = 1; t <= 5; ++t) {
    all.step(optimizer, t);
    const double factor = t < 2 ? 0.5 : 1 - (t - 2) / 8.0;
    for (const auto& p : all.store.all()) {
      const bool matrix = p->role == ParameterRole::matrix;
      expected.at(p->name).step(all.gradient(*p, t), t, factor * (matrix ? matrix_lr : 0.01),
                                matrix ? matrix_decay : 0.1, matrix ? atan2_of_matrices : atan2_of_others, 0.75);
    }
  }
  const auto state = optimizer.state(all.store);
  for (const auto& p : all.store.all()) {
    const Reference& reference = expected.at(p->name);
    EXPECT_LT(relative_error(p->master, reference.p), 2e-6) << p->name;
    EXPECT_LT(relative_error(state.at("optimizer/exp_avg/" + p->name), reference.m), 2e-6) << p->name;
    EXPECT_LT(relative_error(state.at("optimizer/exp_avg_sq/" + p->name), reference.v), 2e-6) << p->name;
    EXPECT_LT(relative_error(state.at("ema/" + p->name), reference.ema), 2e-6) << p->name;
    for (const float g : p->gradient.to_vector<float>()) ASSERT_EQ(g, 0) << "the gradients are zeroed";
  }
  EXPECT_EQ(state.size(), 3 * all.store.all().size() + 1);
}

TEST_P(Groups, OneRuleForAll) {
  expect_float64("adamw", false, false, 0.01, 0.1);
  expect_float64("adam_atan2", true, true, 0.01, 0.1);
}

TEST_P(Groups, EachHasItsRuleRateAndDecay) {
  add_optimizer(mixed());
  expect_float64("test_mixed", true, false, 0.04, 0.5);
  Parameters all(GetParam());
  OptimizerState optimizer(all.store, settings("test_mixed"));
  all.step(optimizer, 1);
  const std::vector<std::pair<std::string, float>> rates{{"lr", 0.005f}, {"matrix_lr", 0.02f}, {"puzzle_emb_lr", 0}};
  EXPECT_EQ(optimizer.learning_rates(), rates);
}

TEST_P(Groups, ClippingIsOverAllOfThem) {
  add_optimizer(mixed());
  Parameters all(GetParam());
  OptimizerSettings clipped = settings("test_mixed");
  clipped.grad_clip_norm = 0.25f;
  OptimizerState optimizer(all.store, clipped);
  double square = 0;
  for (const auto& p : all.store.all())
    for (const double g : all.gradient(*p, 1)) square += g * g;
  ASSERT_GT(std::sqrt(square), 1);
  all.step(optimizer, 1);
  const double scale = 0.25 / (std::sqrt(square) + 1e-6);
  const auto state = optimizer.state(all.store);
  for (const auto& p : all.store.all()) {
    std::vector<double> expected;
    for (const double g : all.gradient(*p, 1)) expected.push_back(0.1 * scale * g);
    EXPECT_LT(relative_error(state.at("optimizer/exp_avg/" + p->name), expected), 2e-6) << p->name;
  }
}

TEST_P(Groups, AStepWithoutFiniteGradientChangesNothing) {
  add_optimizer(mixed());
  Parameters all(GetParam()), clean(GetParam());
  OptimizerState optimizer(all.store, settings("test_mixed")), unspoiled(clean.store, settings("test_mixed"));
  all.step(optimizer, 1);
  clean.step(unspoiled, 1);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) all.step(optimizer, 2, bad);
  const auto after = optimizer.state(all.store), expected = unspoiled.state(clean.store);
  for (const auto& [name, tensor] : expected)
    if (name != "optimizer/counters") {
      EXPECT_EQ(after.at(name).to_vector<float>(), tensor.to_vector<float>()) << name;
    }
  for (const auto& p : clean.store.all())
    EXPECT_EQ(all.store.find(p->name)->master.to_vector<float>(), p->master.to_vector<float>()) << p->name;
  EXPECT_EQ(optimizer.counters().to_vector<int64_t>(), (std::vector<int64_t>{3, 1, 2, 0}));
  EXPECT_EQ(optimizer.learning_rates()[0].second, 0.01f * 0.875f) << "the schedule goes on";
}

TEST_P(Groups, FrozenParametersStayAndNothingIsKeptOfThem) {
  Parameters all(GetParam());
  OptimizerSettings frozen = settings("adamw");
  frozen.frozen = true;
  OptimizerState optimizer(all.store, frozen);
  all.step(optimizer, 1);
  for (const auto& p : all.store.all()) EXPECT_EQ(p->master.to_vector<float>(), all.start.at(p->name));
  EXPECT_EQ(optimizer.state(all.store).size(), 1u);
}

TEST_P(Groups, MatricesLieBehindTheOthers) {
  Parameters all(GetParam());
  const ParameterStore& store = all.store;
  EXPECT_EQ(store.others().first, 0);
  EXPECT_EQ(store.others().end(), store.matrices().first);
  EXPECT_EQ(store.matrices().end(), store.everything().end());
  for (const auto& p : store.all()) {
    EXPECT_EQ(store.offset(*p) >= store.matrices().first, p->role == ParameterRole::matrix) << p->name;
    EXPECT_EQ(store.view(store.values(), *p).to_vector<float>(), all.start.at(p->name));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Groups, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

TEST(Optimizers, AnUnknownNameIsRefused) {
  Parameters all(cpu_device);
  OptimizerSettings s;
  s.name = "adamv";
  try {
    OptimizerState optimizer(all.store, s);
    FAIL() << "an unknown name was taken";
  } catch (const OptimizerError& error) {
    const std::string text = error.what();
    for (const char* part : {"no optimizer 'adamv'", "adam_atan2", "the nearest is adamw"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST(Optimizers, NamesAreThoseOfTheKey) {
  std::vector<std::string> names;
  for (const std::string& name : optimizer_names())
    if (!name.starts_with("test_")) names.push_back(name);
  int found = 0;
  for (const Key& key : keys())
    if (key.path == "optimizer") {
      EXPECT_EQ(key.choices, names);
      ++found;
    }
  EXPECT_EQ(found, 1);
}

TEST(Optimizers, GroupsThatLeaveAGapOrOverlapAreAMistake) {
  Parameters all(cpu_device);
  OptimizerSettings s;
  s.name = "test_wrong";
  const int64_t size = all.store.everything().count;
  const std::vector<std::vector<ParameterSpan>> wrong{
      {{0, 64}}, {{64, size - 64}}, {{0, 128}, {64, size - 64}}, {{0, 64}, {128, size - 128}}, {}};
  for (const auto& spans : wrong) {
    add_optimizer({"test_wrong",
                   [&](const OptimizerSettings& settings, const ParameterStore&) {
                     std::vector<ParameterGroup> groups;
                     for (const ParameterSpan& span : spans) groups.push_back({make_adamw(settings), span, "lr", 1, 0});
                     return groups;
                   },
                   2});
    EXPECT_THROW(OptimizerState(all.store, s), std::logic_error);
  }
}

}  // namespace
}  // namespace trm::testing
