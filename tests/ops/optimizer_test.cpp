#include <limits>

#include "device/errors.h"
#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

using ops::Optimizer;

class OptimizerOps : public OpTest {
 protected:
  Tensor f32(const std::vector<float>& values) const { return floats(values, {static_cast<int64_t>(values.size())}); }
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

TEST_P(OptimizerOps, ScheduleWarmsUpThenFallsAlongACosine) {
  const UpdatePlan plan{.lr = 0.01f,
                        .puzzle_lr = 0.1f,
                        .min_ratio = 0.1f,
                        .warmup_steps = 5,
                        .total_steps = 40,
                        .beta1 = 0.9f,
                        .beta2 = 0.95f};
  Tensor count = counters({0, 0, 0, 5}), control = poisoned({Control::count}, DType::float32, device());
  for (int step = 1; step <= 45; ++step) {
    ops::plan_update(plan, f32({4}), nullptr, count, control);
    const double progress = std::min(1.0, (step - 5) / 35.0);
    const double factor = step < 5 ? step / 5.0 : 0.1 + 0.9 * 0.5 * (1 + std::cos(3.141592653589793 * progress));
    const std::vector<double> expected{0.01 * factor,           0.1 * factor, 1, 2, 1, 1 - std::pow(0.9, step),
                                       1 - std::pow(0.95, step)};
    const auto got = control.to_vector<float>();
    for (int slot = 0; slot < Control::count; ++slot)
      ASSERT_NEAR(got[slot], expected[slot], 2e-6 * expected[slot]) << "slot " << slot << " of step " << step;
  }
  EXPECT_EQ(count.to_vector<int64_t>(), (std::vector<int64_t>{45, 45, 0, 5}));
}

TEST_P(OptimizerOps, ClippingByTheGlobalNorm) {
  const auto clip = [&](float limit, float square) {
    Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device());
    ops::plan_update({.lr = 1, .total_steps = 10, .grad_clip_norm = limit}, f32({square}), nullptr, count, control);
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
      ops::plan_update({.lr = 1, .puzzle_lr = 1, .warmup_steps = 8, .total_steps = 10, .grad_clip_norm = 1}, dense,
                       &puzzle, count, control);
      EXPECT_EQ(count.to_vector<int64_t>(), (std::vector<int64_t>{4, 2, 2, 0}));
      EXPECT_EQ(control.to_vector<float>()[Control::apply], 0);
      EXPECT_EQ(control.to_vector<float>()[Control::lr], 0.5f) << "the schedule advances";
      const auto values = random(50, 1);
      ops::AdamState state{f32(values), f32(values), f32(values), f32(values),
                           poisoned({50}, DType::bfloat16, device())};
      for (const auto optimizer : {Optimizer::adamw, Optimizer::adam_atan2})
        ops::adam_update(optimizer, f32(values), control, {.ema_rate = 0.5f}, state);
      for (const Tensor& t : {state.p, state.m, state.v, state.ema}) EXPECT_EQ(t.to_vector<float>(), values);
      EXPECT_TRUE(std::isnan(state.narrow.to_vector<float>()[0]));
      Tensor table = floats(values, {5, 10});
      ops::sign_sgd(floats(values, {5, 10}), Tensor::from(std::vector<int32_t>{0, 1, 2, 3, 4}, {5}, device()), control,
                    1, table);
      EXPECT_EQ(table.to_vector<float>(), values);
    }
}

TEST_P(OptimizerOps, FrozenWeightsKeepAdamsTime) {
  Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device());
  ops::plan_update({.lr = 1, .puzzle_lr = 1, .total_steps = 10, .frozen = true}, f32({0}), nullptr, count, control);
  EXPECT_EQ(count.to_vector<int64_t>(), (std::vector<int64_t>{1, 0, 0, 0}));
  EXPECT_EQ(control.to_vector<float>()[Control::apply], 1);
}

TEST_P(OptimizerOps, ThreeStepsMatchFloat64) {
  const AdamSettings settings{.beta1 = 0.9f, .beta2 = 0.95f, .weight_decay = 0.1f, .eps = 1e-8f, .ema_rate = 0.9f};
  const UpdatePlan plan{
      .lr = 0.01f, .warmup_steps = 2, .total_steps = 20, .grad_clip_norm = 3, .beta1 = 0.9f, .beta2 = 0.95f};
  for (const auto optimizer : {Optimizer::adamw, Optimizer::adam_atan2})
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
        ops::adam_update(optimizer, gradient, control, settings, state);
        double norm = 0;
        for (const double value : g) norm += value * value;
        const double clip = std::min(1.0, 3 / (std::sqrt(norm) + 1e-6)),
                     rate = t < 2 ? 0.005 : 0.01;  // min_ratio 1: constant after the warm-up
        for (int64_t i = 0; i < n; ++i) {
          const double x = g[i] * clip;
          p[i] *= 1 - rate * 0.1;
          m[i] += 0.1 * (x - m[i]);
          v[i] += 0.05 * (x * x - v[i]);
          const double bias1 = 1 - std::pow(0.9, t), root = std::sqrt(v[i] / (1 - std::pow(0.95, t)));
          p[i] -= optimizer == Optimizer::adamw ? rate * (m[i] / bias1) / (root + 1e-8)
                                                : rate / bias1 * std::atan2(m[i], root);
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
      ops::adam_update(optimizer, f32(start), control, settings, bare);
    }
}

TEST_P(OptimizerOps, SignSgdOverUniqueIds) {
  const int64_t P = 6, W = 21;
  const auto table = random(P * W, 1);
  const std::vector<int32_t> ids{4, 1, 4, 0, 1, 4};
  auto rows = random(6 * W, 2);
  for (int64_t d = 0; d < W; ++d) rows[3 * W + d] = 0;  // id 0 has a gradient of zero: it only decays
  Tensor count = counters({0, 0, 0, 0}), control = poisoned({Control::count}, DType::float32, device());
  ops::plan_update({.puzzle_lr = 0.01f, .total_steps = 10}, f32({1}), nullptr, count, control);
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
  ops::sign_sgd(floats(rows, {6, W}), Tensor::from(ids, {6}, device()), control, 0.1f, out);
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
  std::vector<float> control(Control::count, 1.0f);
  control[Control::puzzle_lr] = 0.5f;
  Tensor out = floats(table, {P, W});
  ops::sign_sgd(floats(rows, {R, W}), Tensor::from(ids, {R}, device()), floats(control, {Control::count}), 0.25f, out);
  EXPECT_EQ(out.to_vector<float>(), expected);
}

INSTANTIATE_TEST_SUITE_P(Devices, OptimizerOps,
                         ::testing::Combine(::testing::ValuesIn(devices_under_test()),
                                            ::testing::Values(DType::float32)),
                         parameter_name);

}  // namespace
}  // namespace trm::testing
