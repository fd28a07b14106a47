#include "device/errors.h"
#include "device/kernels.h"
#include "device/random.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

class Act : public OpTest {
 protected:
  template <class T>
  Tensor of(const std::vector<T>& values, const Shape& shape) const {
    return Tensor::from(values, shape, device());
  }
  Tensor booleans(const std::vector<uint8_t>& values) const {
    return of(values, {static_cast<int64_t>(values.size())});
  }
  Tensor counters(int64_t random_step = 0) const { return of<int64_t>({0, 0, 0, random_step}, {Counter::count}); }
};

TEST_P(Act, LastPositions) {
  const std::vector<int32_t> tokens{1, 2, 0, 0, 0, 0, 0, 0, 5, 0, 0, 7};
  EXPECT_EQ(ops::last_positions(of(tokens, {3, 4}), 0, 0).to_vector<int32_t>(), (std::vector<int32_t>{1, 0, 3}));
  EXPECT_EQ(ops::last_positions(of(tokens, {3, 4}), 0, 16).to_vector<int32_t>(), (std::vector<int32_t>{17, 16, 19}));
  EXPECT_EQ(ops::last_positions(of(tokens, {3, 4}), 7, 0).to_vector<int32_t>(), (std::vector<int32_t>{3, 3, 2}));
}

TEST_P(Act, QHeadAndItsGradient) {
  for (const bool last : {false, true}) {
    const int64_t B = 5, N = 3, D = 37;
    const auto z = random(B * N * D, 1), before = random(B * N * D, 2);
    const auto w = random_values(2 * D, DType::float32, 3), bias = random_values(2, DType::float32, 4),
               dq = random_values(2 * B, DType::float32, 5);
    const std::vector<int32_t> at = last ? std::vector<int32_t>{0, 2, 1, 2, 0} : std::vector<int32_t>(B, 0);
    std::vector<double> q, dz = widen(before), dw(2 * D, 0.5), dbias(2, 0.25);
    for (int64_t b = 0; b < B; ++b)
      for (int64_t k = 0; k < 2; ++k) {
        q.push_back(bias[k]);
        dbias[k] += dq[2 * b + k];
        for (int64_t d = 0; d < D; ++d) {
          const int64_t place = (b * N + at[b]) * D + d;
          q.back() += static_cast<double>(z[place]) * w[k * D + d];
          dz[place] += static_cast<double>(dq[2 * b + k]) * w[k * D + d];
          dw[k * D + d] += static_cast<double>(dq[2 * b + k]) * z[place];
        }
      }
    const Tensor positions = of(at, {B}), x = tensor(z, {B, N, D}), weights = floats(w, {2, D});
    EXPECT_LT(relative_error(ops::q_head(x, weights, floats(bias, {2}), last ? &positions : nullptr), q), 1e-5);
    Tensor out_dz = tensor(before, {B, N, D}), out_dw = floats(std::vector<float>(2 * D, 0.5f), {2, D}),
           out_dbias = floats({0.25f, 0.25f}, {2});
    ops::q_head_backward(floats(dq, {B, 2}), x, weights, last ? &positions : nullptr, out_dz, out_dw, out_dbias);
    EXPECT_LT(relative_error(out_dz, dz), dtype() == DType::float32 ? 1e-6 : 1e-2);
    EXPECT_LT(relative_error(out_dw, dw), 1e-5);
    EXPECT_LT(relative_error(out_dbias, dbias), 1e-6);
  }
}

TEST_P(Act, ResetAndSelectRows) {
  const int64_t B = 4, N = 3, D = 5;
  const auto z = random(B * N * D, 1), init = random(D, 2), incoming = random(B * N * D, 3);
  const std::vector<uint8_t> halted{1, 0, 0, 1};
  std::vector<float> reset(z), selected(z);
  for (int64_t i = 0; i < B * N * D; ++i)
    if (halted[i / (N * D)]) {
      reset[i] = init[i % D];
      selected[i] = incoming[i];
    }
  Tensor x = tensor(z, {B, N, D}), y = tensor(z, {B, N, D});
  ops::reset_rows(booleans(halted), tensor(init, {D}), x);
  EXPECT_EQ(x.to_vector<float>(), reset);
  ops::select_rows(booleans(halted), tensor(incoming, {B, N, D}), y);
  EXPECT_EQ(y.to_vector<float>(), selected);
  Tensor ids = of<int32_t>({1, 2, 3, 4}, {B});
  ops::select_rows(booleans(halted), of<int32_t>({5, 6, 7, 8}, {B}), ids);
  EXPECT_EQ(ids.to_vector<int32_t>(), (std::vector<int32_t>{5, 2, 3, 8}));
}

TEST_P(Act, HaltingByTheQHead) {
  const std::vector<float> q{1, 2, 0.5f, -1, -1, -2, 0, -3, -5, 0};
  const auto run = [&](HaltingRule rule) {
    Tensor steps = of<int32_t>({4, 1, 3, 0, 2}, {5}), halted = booleans({1, 0, 0, 0, 0}), count = counters(7);
    ops::act_halt(floats(q, {5, 2}), rule, count, steps, halted);
    EXPECT_EQ(steps.to_vector<int32_t>(), (std::vector<int32_t>{1, 2, 4, 1, 3})) << "a halted row starts again";
    EXPECT_EQ(count.to_vector<int64_t>()[Counter::random_step], rule.training && rule.halt_max_steps > 1 ? 8 : 7);
    return halted.to_vector<uint8_t>();
  };
  using Rows = std::vector<uint8_t>;
  EXPECT_EQ(run({.halt_max_steps = 4, .training = true}), (Rows{1, 1, 1, 0, 0}));
  EXPECT_EQ(run({.halt_max_steps = 4, .training = true, .compare_with_continue = true}), (Rows{0, 1, 1, 1, 0}));
  EXPECT_EQ(run({.halt_max_steps = 4, .training = false}), (Rows{0, 0, 1, 0, 0})) << "evaluation runs all steps";
  EXPECT_EQ(run({.halt_max_steps = 1, .training = true}), (Rows{1, 1, 1, 1, 1}));
}

TEST_P(Act, ExplorationDrawsTheDocumentedNumbers) {
  const int64_t B = 300;
  const HaltingRule rule{.halt_max_steps = 5, .training = true, .exploration_prob = 0.4f, .seed = 99};
  Tensor count = counters(3);
  int explored = 0;
  for (uint64_t draw = 3; draw < 6; ++draw) {
    Tensor steps = of(std::vector<int32_t>(B, 1), {B}), halted = booleans(std::vector<uint8_t>(B, 0));
    ops::act_halt(floats(std::vector<float>(2 * B, 1.0f), {B, 2}), rule, count, steps, halted);
    std::vector<uint8_t> expected;
    for (int64_t b = 0; b < B; ++b) {
      const auto bits = random_numbers(99, RandomPurpose::halting, draw, static_cast<uint32_t>(b));
      const int minimum = uniform(bits[0]) < 0.4f ? static_cast<int>(bits[1] % 4) + 2 : 0;
      explored += minimum > 2;
      expected.push_back(2 >= minimum);
    }
    EXPECT_EQ(halted.to_vector<uint8_t>(), expected) << "draw " << draw;
  }
  EXPECT_NEAR(explored, 3 * B * 0.4 * 0.75, 60);
}

// The rows of a process are a range of the global batch, and draw as they would in it.
TEST_P(Act, ExplorationDrawsByGlobalRow) {
  const auto halted_of = [&](int64_t first, int64_t count) {
    Tensor step_counters = counters(3), steps = of(std::vector<int32_t>(count, 1), {count}),
           halted = booleans(std::vector<uint8_t>(count, 0));
    ops::act_halt(floats(std::vector<float>(2 * count, 1.0f), {count, 2}),
                  {.halt_max_steps = 5, .training = true, .exploration_prob = 0.5f, .seed = 9, .first_row = first},
                  step_counters, steps, halted);
    return halted.to_vector<uint8_t>();
  };
  const auto whole = halted_of(0, 96);
  ASSERT_NE(halted_of(0, 32), halted_of(32, 32)) << "the parts draw alike: nothing was tested";
  std::vector<uint8_t> parts;
  for (const int64_t first : {0, 32, 64}) {
    const auto part = halted_of(first, 32);
    parts.insert(parts.end(), part.begin(), part.end());
  }
  EXPECT_EQ(parts, whole);
}

// A minimum never holds a row beyond halt_max_steps, and probability 1 always sets one.
TEST_P(Act, ExplorationEndsAtTheLastStep) {
  const HaltingRule rule{.halt_max_steps = 3, .training = true, .exploration_prob = 1, .seed = 1};
  Tensor count = counters(), steps = of(std::vector<int32_t>(64, 2), {64}),
         halted = booleans(std::vector<uint8_t>(64, 0));
  const Tensor q = floats(std::vector<float>(128, 1.0f), {64, 2});
  ops::act_halt(q, rule, count, steps, halted);
  EXPECT_EQ(halted.to_vector<uint8_t>(), std::vector<uint8_t>(64, 1));
  ops::act_halt(q, rule, count, steps, halted);
  EXPECT_EQ(halted.to_vector<uint8_t>(), std::vector<uint8_t>(64, 0)) << "no row may stop at its first step";
}

TEST_P(Act, QContinueTarget) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const Tensor q = floats({-2, 3, -2, 3, 4, 1, -90, -95}, {4, 2});
  EXPECT_LT(relative_error(ops::q_continue_target(q, of<int32_t>({3, 4, 1, 5}, {4}), 4),
                           {sigmoid(3), sigmoid(-2), sigmoid(4), sigmoid(-90)}),
            1e-6);
}

TEST_P(Act, LossesAndMetrics) {
  const int64_t B = 5, S = 4;
  const std::vector<int32_t> labels{1, 2, -100, 3, 4, 4, 4, 4, -100, -100, -100, -100, 5, -100, 6, 7, 1, 1, 1, -100};
  const std::vector<int32_t> preds{1, 2, 9, 3, 4, 4, 4, 0, 1, 1, 1, 1, 5, 5, 6, 7, 0, 0, 1, 0};
  const std::vector<int32_t> counts{3, 4, 0, 3, 3}, steps{2, 3, 1, 1, 4};
  const std::vector<uint8_t> halted{1, 1, 1, 0, 1};
  const std::vector<float> q{0.5f, 1, 2, -1, -3, 0.25f, 80, -80, 0, 200}, target{0.1f, 0.9f, 0.5f, 1, 0};
  auto loss = random_values(B * S, DType::float32, 1);
  for (int64_t i = 0; i < B * S; ++i) loss[i] = labels[i] < 0 ? 0 : std::abs(loss[i]);
  const auto bce = [](double x, double t) { return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x))); };
  const std::vector<double> right{1, 0, 1, 1, 0};
  for (const bool with_target : {false, true}) {
    std::vector<double> dq, metrics(Metric::count, 1.5);
    for (int64_t b = 0; b < B; ++b) {
      dq.push_back(0.0625 * (1 / (1 + std::exp(-q[2 * b])) - right[b]));
      dq.push_back(with_target ? 0.0625 * (1 / (1 + std::exp(-static_cast<double>(q[2 * b + 1]))) - target[b]) : 0);
      for (int64_t s = 0; s < S; ++s) metrics[Metric::lm_loss] += loss[b * S + s] / std::max(counts[b], 1);
      metrics[Metric::q_halt_loss] += bce(q[2 * b], right[b]);
      if (with_target) metrics[Metric::q_continue_loss] += bce(q[2 * b + 1], target[b]);
      metrics[Metric::valid_tokens] += counts[b];
      if (counts[b] > 0) {
        metrics[Metric::counted_q_halt_loss] += bce(q[2 * b], right[b]);
        if (with_target) metrics[Metric::counted_q_continue_loss] += bce(q[2 * b + 1], target[b]);
      }
    }
    metrics[Metric::rows] += 3;
    metrics[Metric::accuracy] += 1 + 0.75 + 1.0 / 3;
    metrics[Metric::exact_accuracy] += 1;
    metrics[Metric::q_halt_accuracy] += 1;  // row 1 and the zero of row 4 say right, wrongly
    metrics[Metric::steps] += 9;
    const ops::CrossEntropy tokens{floats(loss, {B, S}), of(preds, {B, S}), {}};
    const Tensor wanted = floats(target, {B});
    Tensor sums = floats(std::vector<float>(Metric::count, 1.5f), {Metric::count});
    const Tensor got = ops::act_loss(floats(q, {B, 2}), with_target ? &wanted : nullptr, tokens, of(labels, {B, S}),
                                     of(counts, {B}), of(steps, {B}), booleans(halted), 0.0625f, sums);
    EXPECT_LT(relative_error(got, dq), 1e-5);
    const auto values = sums.to_vector<float>();
    for (int slot = 0; slot < Metric::count; ++slot)
      EXPECT_NEAR(values[slot], metrics[slot], 1e-5 * std::max(1.0, metrics[slot])) << "slot " << slot;
  }
}

TRM_OP_SUITE(Act);

}  // namespace
}  // namespace trm::testing
