#include <limits>

#include "device/errors.h"
#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

using Adam = void(const Tensor&, const Tensor&, const Tensor&, const AdamSettings&, ops::AdamState&);

class OptimizerOps : public OpTest {
 protected:
  Tensor f32(const std::vector<float>& values) const { return floats(values, {static_cast<int64_t>(values.size())}); }
  Tensor rates(float lr, float ema = 0) const { return f32({lr, ema}); }
  Tensor counters(const std::vector<int64_t>& values) const { return Tensor::from(values, {Counter::count}, device()); }
};

TEST_P(OptimizerOps, SumOfSquares) {
  for (const int64_t n : {1, 5, 1000, 16384, 300001}) {
    const auto x = random(n, 1);
    double expected = 0;
    for (const double value : x) expected += value * value;
    Tensor out = poisoned({1}, DType::float32, device());
    ops::sum_of_squares(f32(x), out);
    EXPECT_NEAR(out.item<float>(), expected, 1e-6 * expected);
    Tensor again = poisoned({1}, DType::float32, device());
    ops::sum_of_squares(f32(x), again);
    EXPECT_EQ(out.item<float>(), again.item<float>());
  }
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    auto x = random(5000, 2);
    x[4321] = bad;
    Tensor out = poisoned({1}, DType::float32, device());
    ops::sum_of_squares(f32(x), out);
    EXPECT_FALSE(std::isfinite(out.item<float>()));
  }
}

TEST_P(OptimizerOps, ControlHoldsNormAndBiasCorrections) {
  Tensor count = counters({0, 0, 0, 5}), control = poisoned({Control::count}, DType::float32, device());
  for (int step = 1; step <= 45; ++step) {
    ops::plan_update({.beta1 = 0.9f, .beta2 = 0.95f}, f32({4}), nullptr, count, control);
    const std::vector<double> expected{1, 2, 1, 1 - std::pow(0.9, step), 1 - std::pow(0.95, step)};
    const auto got = control.to_vector<float>();
    for (int slot = 0; slot < Control::count; ++slot)
      ASSERT_NEAR(got[slot], expected[slot], 2e-6 * expected[slot]) << "slot " << slot << " of step " << step;
  }
  EXPECT_EQ(count.to_vector<int64_t>(), (std::vector<int64_t>{45, 45, 0, 5}));
}

TEST_P(OptimizerOps, ClippingByTheGlobalNorm) {
  const auto clip = [&](float limit, float square) {
    Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device());
    ops::plan_update({.grad_clip_norm = limit}, f32({square}), nullptr, count, control);
    return control.to_vector<float>()[Control::clip];
  };
  EXPECT_NEAR(clip(1, 25), 1 / (5 + 1e-6), 1e-6);
  EXPECT_EQ(clip(10, 25), 1);
  EXPECT_EQ(clip(0, 25), 1);
  EXPECT_EQ(clip(1, 0), 1);
}

TEST_P(OptimizerOps, AStepWithoutFiniteGradientIsSkippedAndCounted) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")})
    for (const bool in_puzzle : {false, true}) {
      Tensor count = counters({3, 2, 1, 0}), control = poisoned({Control::count}, DType::float32, device());
      const Tensor dense = f32({in_puzzle ? 1 : bad}), puzzle = f32({in_puzzle ? bad : 1});
      ops::plan_update({.grad_clip_norm = 1}, dense, &puzzle, count, control);
      EXPECT_EQ(count.to_vector<int64_t>(), (std::vector<int64_t>{4, 2, 2, 0}));
      EXPECT_EQ(control.to_vector<float>()[Control::apply], 0);
      const auto values = random(50, 1);
      ops::AdamState state{f32(values), f32(values), f32(values), f32(values),
                           poisoned({50}, DType::bfloat16, device())};
      for (Adam* adam : {ops::adamw, ops::adam_atan2}) adam(f32(values), control, rates(1, 0.5f), {}, state);
      ops::ema_update(f32(random(50, 2)), control, rates(1, 0.5f), state.ema, state.narrow);
      for (const Tensor& t : {state.p, state.m, state.v, state.ema}) EXPECT_EQ(t.to_vector<float>(), values);
      EXPECT_TRUE(std::isnan(state.narrow.to_vector<float>()[0]));
      Tensor table = floats(values, {5, 10});
      ops::sign_sgd(floats(values, {5, 10}), Tensor::from(std::vector<int32_t>{0, 1, 2, 3, 4}, {5}, device()), control,
                    rates(1), 1, table);
      EXPECT_EQ(table.to_vector<float>(), values);
    }
}

TEST_P(OptimizerOps, FrozenWeightsKeepAdamsTime) {
  Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device());
  ops::plan_update({.frozen = true}, f32({0}), nullptr, count, control);
  EXPECT_EQ(count.to_vector<int64_t>(), (std::vector<int64_t>{1, 0, 0, 0}));
  EXPECT_EQ(control.to_vector<float>()[Control::apply], 1);
}

TEST_P(OptimizerOps, ThreeStepsMatchFloat64) {
  const AdamSettings settings{.beta1 = 0.9f, .beta2 = 0.95f, .weight_decay = 0.1f, .eps = 1e-8f};
  const UpdatePlan plan{.grad_clip_norm = 3, .beta1 = 0.9f, .beta2 = 0.95f};
  for (Adam* adam : {ops::adamw, ops::adam_atan2})
    for (const int64_t n : {1, 13, 1000, 70001}) {
      auto start = random(n, 1);
      std::vector<double> p = widen(start), m(n), v(n), ema = p;
      ops::AdamState state{f32(start), Tensor::zeros({n}, DType::float32, device()),
                           Tensor::zeros({n}, DType::float32, device()), f32(start),
                           poisoned({n}, DType::bfloat16, device())};
      Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device()),
             square = poisoned({1}, DType::float32, device());
      for (int t = 1; t <= 3; ++t) {
        auto g = random(n, 10 + t, t == 2 ? 1e-3f : 1.0f);
        if (n > 5) g[5] = 0;  // atan2(0, 0) = 0
        const Tensor gradient = f32(g);
        ops::sum_of_squares(gradient, square);
        ops::plan_update(plan, square, nullptr, count, control);
        const double rate = t < 2 ? 0.005 : 0.01;
        adam(gradient, control, rates(static_cast<float>(rate), 0.9f), settings, state);
        double norm = 0;
        for (const double value : g) norm += value * value;
        const double clip = std::min(1.0, 3 / (std::sqrt(norm) + 1e-6));
        for (int64_t i = 0; i < n; ++i) {
          const double x = g[i] * clip;
          p[i] *= 1 - rate * 0.1;
          m[i] += 0.1 * (x - m[i]);
          v[i] += 0.05 * (x * x - v[i]);
          const double bias1 = 1 - std::pow(0.9, t), root = std::sqrt(v[i] / (1 - std::pow(0.95, t)));
          p[i] -= adam == ops::adamw ? rate * (m[i] / bias1) / (root + 1e-8) : rate / bias1 * std::atan2(m[i], root);
          ema[i] = 0.9 * ema[i] + 0.1 * p[i];
        }
      }
      EXPECT_LT(relative_error(state.p, p), 1e-6);
      EXPECT_LT(relative_error(state.m, m), 1e-6);
      EXPECT_LT(relative_error(state.v, v), 1e-6);
      EXPECT_LT(relative_error(state.ema, ema), 1e-6);
      const auto narrow = state.narrow.to_vector<float>(), wide = state.p.to_vector<float>();
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(narrow[i], static_cast<float>(bfloat16(wide[i])));
      ops::AdamState bare{state.p, state.m, state.v, {}, {}};
      adam(f32(start), control, rates(0.01f), settings, bare);
    }
}

TEST_P(OptimizerOps, SignSgdOverUniqueIds) {
  const int64_t P = 6, W = 21;
  const auto table = random(P * W, 1);
  const std::vector<int32_t> ids{4, 1, 4, 0, 1, 4};
  auto rows = random(6 * W, 2);
  for (int64_t d = 0; d < W; ++d) rows[3 * W + d] = 0;  // id 0 has a gradient of zero: it only decays
  Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device());
  ops::plan_update({}, f32({1}), nullptr, count, control);
  std::vector<double> expected = widen(table);
  for (const int id : {0, 1, 4})
    for (int64_t d = 0; d < W; ++d) {
      double sum = 0;
      for (int64_t r = 0; r < 6; ++r)
        if (ids[r] == id) sum += rows[r * W + d];
      double& w = expected[id * W + d];
      w = w * (1 - 0.01 * 0.1) - 0.01 * ((sum > 0) - (sum < 0));
    }
  Tensor out = floats(table, {P, W});
  ops::sign_sgd(floats(rows, {6, W}), Tensor::from(ids, {6}, device()), control, rates(0.01f), 0.1f, out);
  EXPECT_LT(relative_error(out, expected), 1e-6);
  const auto got = out.to_vector<float>();
  for (const int id : {2, 3, 5})
    for (int64_t d = 0; d < W; ++d)
      ASSERT_EQ(got[id * W + d], table[id * W + d]) << "an id that does not occur is not touched";
}

// Whole numbers and powers of two: every sum, zeros too, and every result are exact.
TEST_P(OptimizerOps, SignSgdSumsManyRowsOfAnId) {
  const int64_t R = 301, P = 45, W = 130;
  const auto ids = random_integers(R, 2, P - 3, 3), whole = random_integers(R * W, -2, 3, 4);
  const auto start = random_integers(P * W, -9, 10, 5);
  const std::vector<float> rows(whole.begin(), whole.end()), table(start.begin(), start.end());
  std::vector<float> expected = table;
  for (int32_t id = 0; id < P; ++id)
    for (int64_t d = 0; d < W; ++d) {
      bool occurs = false;
      float sum = 0;
      for (int64_t r = 0; r < R; ++r)
        if (ids[r] == id) occurs = true, sum += rows[r * W + d];
      if (occurs) expected[id * W + d] = table[id * W + d] * 0.875f - 0.5f * static_cast<float>((sum > 0) - (sum < 0));
    }
  const std::vector<float> control(Control::count, 1.0f);
  Tensor out = floats(table, {P, W});
  ops::sign_sgd(floats(rows, {R, W}), Tensor::from(ids, {R}, device()), floats(control, {Control::count}), rates(0.5f),
                0.25f, out);
  EXPECT_EQ(out.to_vector<float>(), expected);
}

TEST_P(OptimizerOps, MovingAverageAndBfloat16Copy) {
  const Tensor control = f32(std::vector<float>(Control::count, 1.0f));
  for (const int64_t n : {1, 70001}) {
    const auto p = random(n, 1), start = random(n, 2);
    Tensor ema = f32(start), narrow = poisoned({n}, DType::bfloat16, device()), none;
    ops::ema_update(f32(p), control, rates(0, 0.9f), ema, narrow);
    std::vector<double> expected;
    for (int64_t i = 0; i < n; ++i) expected.push_back(0.9 * start[i] + 0.1 * p[i]);
    EXPECT_LT(relative_error(ema, expected), 1e-6);
    const auto copy = narrow.to_vector<float>();
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(copy[i], static_cast<float>(bfloat16(p[i])));
    ops::ema_update(f32(p), control, rates(0, 0), ema, none);  // nothing is kept of the average
    EXPECT_EQ(ema.to_vector<float>(), p);
    ops::ema_update(f32(p), control, rates(0, 0), none, none);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, OptimizerOps,
                         ::testing::Combine(::testing::ValuesIn(devices_under_test()),
                                            ::testing::Values(DType::float32)),
                         parameter_name);

}  // namespace
}  // namespace trm::testing
