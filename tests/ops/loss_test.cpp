#include "device/errors.h"
#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

constexpr LossKind kinds[]{LossKind::softmax, LossKind::stablemax};

double stable(double x) { return x >= 0 ? x + 1 : 1 / (1 - x); }
double stable_slope(double x) { return x >= 0 ? 1 : 1 / ((1 - x) * (1 - x)); }

struct Row {
  double loss = 0, normalizer = 0;
  int prediction = 0;
  std::vector<double> gradient;
};

Row reference(const double* logits, int64_t V, int label, LossKind kind) {
  Row row;
  row.gradient.resize(V);
  row.prediction = static_cast<int>(std::max_element(logits, logits + V) - logits);
  const double largest = logits[row.prediction];
  double sum = 0;
  for (int64_t j = 0; j < V; ++j) sum += kind == LossKind::softmax ? std::exp(logits[j] - largest) : stable(logits[j]);
  row.normalizer = kind == LossKind::softmax ? largest + std::log(sum) : sum;
  if (label < 0) return row;
  row.loss =
      kind == LossKind::softmax ? row.normalizer - logits[label] : std::log(sum) - std::log(stable(logits[label]));
  for (int64_t j = 0; j < V; ++j)
    row.gradient[j] = kind == LossKind::softmax ? std::exp(logits[j] - row.normalizer) : stable_slope(logits[j]) / sum;
  row.gradient[label] -= kind == LossKind::softmax ? 1 : stable_slope(logits[label]) / stable(logits[label]);
  return row;
}

/// Labels of which about a third are ignored; the first row has none.
std::vector<int32_t> some_labels(int64_t B, int64_t S, int64_t V, uint64_t seed) {
  auto labels = random_integers(B * S, 0, static_cast<int32_t>(V), seed);
  const auto drop = random_integers(B * S, 0, 3, seed + 1);
  for (int64_t i = 0; i < B * S; ++i)
    if (drop[i] == 0 || i < S) labels[i] = -100;
  return labels;
}

class Loss : public OpTest {
 protected:
  // Gradients of improbable tokens: reached 3.3e-5 in float32.
  double element_slack() const override { return dtype() == DType::float32 ? 8 : 1; }
  Tensor integers(const std::vector<int32_t>& values, const Shape& shape) const {
    return Tensor::from(values, shape, device());
  }

  void check(const std::vector<float>& logits, const std::vector<int32_t>& labels, int64_t B, int64_t S, int64_t V,
             LossKind kind) {
    const auto values = widen(logits);
    const auto scale = random_values(B, DType::float32, 9);
    std::vector<double> loss, normalizer, gradient;
    std::vector<int32_t> preds;
    for (int64_t r = 0; r < B * S; ++r) {
      const Row row = reference(values.data() + r * V, V, labels[r], kind);
      loss.push_back(row.loss);
      normalizer.push_back(row.normalizer);
      preds.push_back(row.prediction);
      for (const double g : row.gradient) gradient.push_back(g * scale[r / S]);
    }
    Tensor x = tensor(logits, {B, S, V});
    const Tensor y = integers(labels, {B, S});
    ops::CrossEntropy out{poisoned({B, S}, DType::float32, device()), poisoned({B, S}, DType::int32, device()),
                          poisoned({B, S}, DType::float32, device())};
    kernels::cross_entropy(x, y, kind, out.loss, out.preds, out.normalizer);
    EXPECT_LT(relative_error(out.loss, loss), 1e-5);
    EXPECT_LT(relative_error(out.normalizer, normalizer), 1e-5);
    EXPECT_EQ(out.preds.to_vector<int32_t>(), preds);
    EXPECT_EQ(ops::cross_entropy(x, y, kind).loss.to_vector<float>(), out.loss.to_vector<float>()) << "a second call";
    ops::cross_entropy_backward(x, y, out.normalizer, floats(scale, {B}), kind);
    EXPECT_LT(relative_error(x, gradient), dtype() == DType::float32 ? 1e-5 : 1e-2);
  }
};

TEST_P(Loss, CrossEntropyMatchesFloat64) {
  for (const LossKind kind : kinds)
    for (const auto& [B, S, V] :
         {std::tuple{2, 3, 1}, {2, 5, 2}, {3, 81, 11}, {2, 50, 6}, {2, 3, 17}, {2, 7, 257}, {2, 2, 4097}})
      check(random(B * S * V, 1, 4), some_labels(B, S, V, 2), B, S, V, kind);
}

TEST_P(Loss, GradientMatchesFiniteDifferences) {
  for (const LossKind kind : kinds) {
    const int64_t B = 2, S = 3, V = 7;
    const auto logits = random(B * S * V, 5, 2), scale = random_values(B, DType::float32, 6);
    const auto labels = some_labels(B, S, V, 7);
    const auto f = [&](const std::vector<double>& values) {
      double sum = 0;
      for (int64_t r = 0; r < B * S; ++r)
        sum += scale[r / S] * reference(values.data() + r * V, V, labels[r], kind).loss;
      return sum;
    };
    Tensor x = tensor(logits, {B, S, V});
    const Tensor y = integers(labels, {B, S});
    const auto out = ops::cross_entropy(x, y, kind);
    ops::cross_entropy_backward(x, y, out.normalizer, floats(scale, {B}), kind);
    EXPECT_LT(relative_error(x, finite_differences(f, widen(logits))), dtype() == DType::float32 ? 1e-5 : 1e-2);
  }
}

// Logits of exactly 1, 0 and -1: 1 / (1 - x) of the branch that is not taken would be infinite.
TEST_P(Loss, LogitsOfExactlyOne) {
  for (const LossKind kind : kinds) {
    std::vector<float> logits;
    for (int i = 0; i < 60; ++i) logits.push_back(static_cast<float>(i % 3 - 1));
    check(logits, {0, 1, 2, -100}, 2, 2, 15, kind);
    check(std::vector<float>(60, 1.0f), {0, 14, 7, -100}, 2, 2, 15, kind);
  }
}

TEST_P(Loss, VeryLargeLogits) {
  for (const LossKind kind : kinds)
    for (const float size : {1e3f, 1e6f, 1e15f}) {
      auto logits = random(2 * 3 * 19, 8, size);
      check(logits, {1, 2, -100, 4, 5, 18}, 2, 3, 19, kind);
    }
}

TEST_P(Loss, TheFirstLargestIsPredicted) {
  std::vector<float> logits(2 * 37, -1.0f);
  logits[5] = logits[20] = logits[36] = 3;
  const auto out = ops::cross_entropy(tensor(logits, {1, 2, 37}), integers({-100, 3}, {1, 2}), LossKind::softmax);
  EXPECT_EQ(out.preds.to_vector<int32_t>(), (std::vector<int32_t>{5, 0}));
}

TEST_P(Loss, LabelCounts) {
  const std::vector<int32_t> labels{1, -100, 2, -100, -100, -100, 0, 3, 4};
  const auto out = ops::label_counts(integers(labels, {3, 3}), 0.5f);
  EXPECT_EQ(out.counts.to_vector<int32_t>(), (std::vector<int32_t>{2, 0, 3}));
  EXPECT_LT(relative_error(out.scale, {0.25, 0.5, 0.5 / 3}), 1e-6);
}

TEST_P(Loss, LabelsOutsideOfTheVocabularyAreRefusedOnTheCpu) {
  if (device().kind != DeviceKind::cpu) GTEST_SKIP() << "other devices do not look at labels";
  for (const int32_t label : {7, -1, -99})
    EXPECT_THROW(ops::cross_entropy(tensor(random(14, 1), {1, 2, 7}), integers({0, label}, {1, 2}), LossKind::softmax),
                 DeviceError);
}

class LinearCrossEntropy : public Loss {
 protected:
  // Logits are rounded: reached 0.1 in bfloat16.
  double element_slack() const override { return dtype() == DType::float32 ? 8 : 4; }
};

// Against float64 products of the same inputs. bfloat16 logits are rounded, which may exchange two predictions that are
// nearly equal.
TEST_P(LinearCrossEntropy, MatchesFloat64) {
  for (const LossKind kind : kinds)
    for (const auto& [B, S, D, V] : {std::tuple{2, 3, 5, 7},
                                     {3, 81, 64, 11},
                                     {2, 60, 48, 6},
                                     {2, 70, 33, 517},
                                     {1, 9, 20, 4099},
                                     {3, 100, 384, 2051},
                                     {1, 129, 384, 1280},
                                     {2, 65, 256, 1601},
                                     {1, 40, 128, 1029},
                                     {2, 9, 80, 1090}}) {
      const auto x = random(B * S * D, 1), w = random(V * D, 2, 0.3f), scale = random_values(B, DType::float32, 3);
      const auto before = random_values(V * D, DType::float32, 4);
      const auto labels = some_labels(B, S, V, 5);
      std::vector<double> loss(B * S), dx(B * S * D), dw = widen(before), logits(V);
      std::vector<int32_t> preds;
      std::vector<double> margins;
      for (int64_t r = 0; r < B * S; ++r) {
        for (int64_t v = 0; v < V; ++v) {
          logits[v] = 0;
          for (int64_t d = 0; d < D; ++d) logits[v] += static_cast<double>(x[r * D + d]) * w[v * D + d];
        }
        const Row row = reference(logits.data(), V, labels[r], kind);
        loss[r] = row.loss;
        preds.push_back(row.prediction);
        std::partial_sort(logits.begin(), logits.begin() + 2, logits.end(), std::greater<>());
        margins.push_back((logits[0] - logits[1]) / std::max(1.0, std::abs(logits[0])));
        for (int64_t v = 0; v < V; ++v)
          for (int64_t d = 0; d < D; ++d) {
            const double g = row.gradient[v] * scale[r / S];
            dx[r * D + d] += g * w[v * D + d];
            dw[v * D + d] += g * x[r * D + d];
          }
      }
      const Tensor input = tensor(x, {B, S, D}), y = integers(labels, {B, S}), row_scale = floats(scale, {B});
      const Weight head = weight(w, V, D);
      Tensor out_dx = poisoned({B, S, D}, dtype(), device()), out_dw = floats(before, {V, D});
      ops::CrossEntropy out{poisoned({B, S}, DType::float32, device()), poisoned({B, S}, DType::int32, device()), {}};
      kernels::linear_cross_entropy(input, head, y, row_scale, kind, out.loss, out.preds, &out_dx, &out_dw);
      EXPECT_LT(relative_error(out.loss, loss), tolerance());
      EXPECT_LT(relative_error(out_dx, dx), tolerance());
      EXPECT_LT(relative_error(out_dw, dw), tolerance());
      const auto predicted = out.preds.to_vector<int32_t>();
      for (int64_t r = 0; r < B * S; ++r)
        if (margins[r] > (dtype() == DType::float32 ? 1e-4 : 2e-2)) {
          EXPECT_EQ(predicted[r], preds[r]);
        }
      const auto alone = ops::linear_cross_entropy(input, head, y, row_scale, kind, nullptr, nullptr);
      EXPECT_EQ(alone.loss.to_vector<float>(), out.loss.to_vector<float>()) << "without gradients";
      EXPECT_EQ(alone.preds.to_vector<int32_t>(), predicted);
    }
}

// Logits that are small integers, exact in every dtype, so that ties of the largest are many and the loss is sharp;
// times 64 they leave exp's range.
TEST_P(LinearCrossEntropy, TheFirstLargestIsPredicted) {
  for (const float size : {1.0f, 64.0f})
    for (const auto& [S, D, V] : {std::tuple{150, 384, 2051}, {33, 64, 1025}, {5, 16, 300}}) {
      const auto narrow = [&](int64_t count, uint64_t seed, float by) {
        std::vector<float> values;
        for (const int32_t v : random_integers(count, -1, 2, seed)) values.push_back(by * static_cast<float>(v));
        return values;
      };
      const auto x = narrow(int64_t{S} * D, 1, size), w = narrow(int64_t{V} * D, 2, 1);
      auto labels = some_labels(1, S, V, 3);
      for (int64_t r = 0; r < S; r += 3) labels[r] = static_cast<int32_t>((r * 97) % V);
      std::vector<double> loss, logits(V);
      std::vector<int32_t> preds;
      for (int64_t r = 0; r < S; ++r) {
        for (int64_t v = 0; v < V; ++v) {
          logits[v] = 0;
          for (int64_t d = 0; d < D; ++d) logits[v] += static_cast<double>(x[r * D + d]) * w[v * D + d];
        }
        const Row row = reference(logits.data(), V, labels[r], LossKind::softmax);
        loss.push_back(row.loss);
        preds.push_back(row.prediction);
      }
      Tensor dx, dw = Tensor::zeros({V, D}, DType::float32, device());
      const auto out = ops::linear_cross_entropy(tensor(x, {1, S, D}), weight(w, V, D), integers(labels, {1, S}),
                                                 floats({1}, {1}), LossKind::softmax, &dx, &dw);
      EXPECT_EQ(out.preds.to_vector<int32_t>(), preds);
      EXPECT_LT(relative_error(out.loss, loss), 1e-5);
      for (const float g : dx.to_vector<float>()) ASSERT_TRUE(std::isfinite(g));
    }
}

// More logits than one chunk holds: the same as batch row by batch row, and the same bits twice.
TEST_P(LinearCrossEntropy, ManyChunks) {
  const int64_t B = 3, S = 150, D = 6, V = 50001;
  const Tensor x = tensor(random(B * S * D, 1), {B, S, D}), y = integers(some_labels(B, S, V, 2), {B, S}),
               scale = floats({1, 2, 3}, {B});
  const Weight head = weight(random(V * D, 3), V, D);
  struct Result {
    std::vector<float> loss, dx, dw;
  };
  const auto run = [&](int64_t first, int64_t count, Tensor& dw) {
    Tensor dx;
    const auto out = ops::linear_cross_entropy(x.rows(first, count), head, y.rows(first, count),
                                               scale.rows(first, count), LossKind::softmax, &dx, &dw);
    return Result{out.loss.to_vector<float>(), dx.to_vector<float>(), {}};
  };
  const auto zeros = [&] { return Tensor::zeros({V, D}, DType::float32, device()); };
  std::vector<Result> whole;
  for (int i = 0; i < 2; ++i) {
    Tensor dw = zeros();
    whole.push_back(run(0, B, dw));
    whole.back().dw = dw.to_vector<float>();
  }
  EXPECT_EQ(whole[0].loss, whole[1].loss);
  EXPECT_EQ(whole[0].dx, whole[1].dx);
  EXPECT_EQ(whole[0].dw, whole[1].dw);
  Result parts;
  Tensor dw = zeros();
  for (int64_t b = 0; b < B; ++b) {
    const Result part = run(b, 1, dw);
    parts.loss.insert(parts.loss.end(), part.loss.begin(), part.loss.end());
    parts.dx.insert(parts.dx.end(), part.dx.begin(), part.dx.end());
  }
  const double close = dtype() == DType::float32 ? 1e-5 : 1e-2;
  EXPECT_LT(relative_error(whole[0].loss, widen(parts.loss)), close);
  EXPECT_LT(relative_error(whole[0].dx, widen(parts.dx)), close);
  EXPECT_LT(relative_error(whole[0].dw, widen(dw.to_vector<float>())), close);
  for (int64_t i = 0; i < S * D; ++i) ASSERT_EQ(whole[0].dx[i], 0) << "a row without labels has no gradient";
}

TRM_OP_SUITE(Loss);
TRM_OP_SUITE(LinearCrossEntropy);

}  // namespace
}  // namespace trm::testing
