// Accuracies with their intervals, by depth, and lenient ones of mazes.
#include "evaluation/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/depths.h"
#include "evaluation/evaluators.h"
#include "puzzles/kinds.h"
#include "tests/data/folders.h"

namespace trm::testing {
namespace {

TEST(Intervals, OfShares) {
  // Wilson's interval as statsmodels' proportion_confint(method="wilson") gives it.
  const Interval some = share_interval(8, 10);
  EXPECT_NEAR(some.low, 0.4901625, 1e-6);
  EXPECT_NEAR(some.high, 0.9433178, 1e-6);
  EXPECT_EQ(share_interval(0, 20).low, 0);
  EXPECT_NEAR(share_interval(0, 20).high, 0.1611252, 1e-6);
  EXPECT_EQ(share_interval(20, 20).high, 1);
  EXPECT_TRUE(std::isnan(share_interval(0, 0).low));
}

TEST(Intervals, OfMeans) {
  SampleMean all, first, second;
  std::vector<double> values;
  for (int i = 0; i < 50; ++i) values.push_back(std::fmod(0.37 * i, 1.0));
  double sum = 0, squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    all.add(values[i]);
    (i < 17 ? first : second).add(values[i]);
    sum += values[i];
  }
  const double mean = sum / 50;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = 1.959963985 * std::sqrt(squares / 49 / 50);
  first.merge(SampleMean::from_vector(second.to_vector()));
  for (const SampleMean& one : {all, first}) {
    EXPECT_EQ(one.count(), 50);
    EXPECT_NEAR(one.mean(), mean, 1e-12);
    EXPECT_NEAR(one.interval().low, mean - half, 1e-8);
    EXPECT_NEAR(one.interval().high, mean + half, 1e-8);
  }
  SampleMean one;
  EXPECT_TRUE(std::isnan(one.mean()));
  one.add(0.5);
  EXPECT_TRUE(std::isnan(one.interval().low));
}

/// A batch in memory, and supervision steps that predicted these rows.
struct Made {
  std::vector<int32_t> inputs, labels, ids;
  Batch batch;

  Made(std::vector<int32_t> in, std::vector<int32_t> out, size_t rows, size_t real)
      : inputs(std::move(in)), labels(std::move(out)), ids(rows) {
    batch.inputs = inputs.data();
    batch.labels = labels.data();
    batch.puzzle_identifiers = ids.data();
    batch.rows = rows;
    batch.real_rows = real;
    batch.seq_len = inputs.size() / rows;
  }
  EvaluatedStep step(const std::vector<int32_t>& preds, const std::vector<float>& q = {}) const {
    EvaluatedStep step;
    step.result.preds = Tensor::from(preds, {static_cast<int64_t>(batch.rows), static_cast<int64_t>(batch.seq_len)});
    if (!q.empty()) step.result.q = Tensor::from(q, {static_cast<int64_t>(batch.rows), 2});
    return step;
  }
};

double value_of(const Metrics& metrics, const std::string& name) {
  for (const auto& [own, value] : metrics)
    if (own == name) return value;
  ADD_FAILURE() << "no metric " << name;
  return NAN;
}

TEST(Accuracies, OfRowsThatCount) {
  // Four rows: right, half right, nothing to predict, padding.
  const Made made({1, 1, 1, 1, 1, 1, 1, 1}, {3, 4, 5, 6, -100, -100, 7, 8}, 4, 3);
  Accuracy accuracy({"all"}, nullptr);
  ExampleSet set;
  for (int i = 0; i < 5; ++i) accuracy.add(set, made.batch, {made.step({3, 4, 5, 0, 0, 0, 7, 8})});
  const Metrics metrics = accuracy.metrics();
  EXPECT_EQ(metrics.size(), 4u);
  const Interval exact = share_interval(5, 10);
  EXPECT_EQ(value_of(metrics, "all/exact_accuracy_low"), exact.low);
  EXPECT_EQ(value_of(metrics, "all/exact_accuracy_high"), exact.high);
  EXPECT_LT(value_of(metrics, "all/accuracy_low"), 0.75);
  EXPECT_GT(value_of(metrics, "all/accuracy_high"), 0.75);
  accuracy.begin({});
  EXPECT_TRUE(std::isnan(value_of(accuracy.metrics(), "all/exact_accuracy_low")));
}

TEST(Accuracies, OfMazesLenientToo) {
  // S..    two shortest ways round nothing; the label has one of them
  // ...    tokens: # 1, space 2, S 3, G 4, o 5
  // ..G
  const std::vector<int32_t> maze = {3, 2, 2, 2, 2, 2, 2, 2, 4}, label = {3, 5, 5, 2, 2, 5, 2, 2, 4},
                             other = {3, 2, 2, 5, 2, 2, 5, 5, 4}, longer = {3, 5, 5, 5, 5, 5, 5, 5, 4}, none = maze;
  std::vector<int32_t> inputs, labels, preds;
  for (const auto& answer : {label, other, longer, none}) {
    inputs.insert(inputs.end(), maze.begin(), maze.end());
    labels.insert(labels.end(), label.begin(), label.end());
    preds.insert(preds.end(), answer.begin(), answer.end());
  }
  const Made made(inputs, labels, 4, 4);
  Accuracy whole({"all"}, puzzle_kind("maze", 6, 9)), part({"all"}, puzzle_kind("maze", 6, 9));
  ExampleSet set;
  whole.add(set, made.batch, {made.step(preds)});
  part.merge(whole.state());
  for (Accuracy* accuracy : {&whole, &part}) {
    const Metrics metrics = accuracy->metrics();
    EXPECT_EQ(value_of(metrics, "all/lenient_accuracy"), 0.5);
    EXPECT_EQ(value_of(metrics, "all/lenient_accuracy_high"), share_interval(2, 4).high);
    EXPECT_EQ(value_of(metrics, "all/exact_accuracy_low"), share_interval(1, 4).low);
  }
}

TEST(Accuracies, ByDepth) {
  const Made made({1, 1, 1, 1}, {3, 4, 5, 6}, 2, 2);
  Depths depths({"all"}), other({"all"});
  ExampleSet set;
  const std::vector<EvaluatedStep> steps = {made.step({3, 0, 0, 0}, {-1, 0, 1, 0}),
                                            made.step({3, 4, 5, 0}, {1, 0, -1, 0})};
  depths.add(set, made.batch, steps);
  other.merge(depths.state());
  for (Depths* one : {&depths, &other})
    EXPECT_EQ(one->metrics(), (Metrics{{"all/depth_1/accuracy", 0.25},
                                       {"all/depth_1/exact_accuracy", 0},
                                       {"all/depth_1/q_halt_accuracy", 0.5},
                                       {"all/depth_2/accuracy", 0.75},
                                       {"all/depth_2/exact_accuracy", 0.5},
                                       {"all/depth_2/q_halt_accuracy", 1}}));
}

}  // namespace
}  // namespace trm::testing
