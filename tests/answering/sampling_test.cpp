// Distributions worked out by hand.
#include "answering/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>

namespace trm {
namespace {

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)) + 3);
  return logits;
}

SamplingOptions plain() { return {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .repeat_penalty = 1}; }

void expect_candidates(const std::vector<Candidate>& got, const std::vector<Candidate>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].token, expected[i].token) << i;
    EXPECT_NEAR(got[i].probability, expected[i].probability, 1e-6) << i;
  }
}

const std::vector<float> five = logits_of({0.1, 0.4, 0.2, 0.25, 0.05});

TEST(Sampling, WithoutFiltersItIsTheSoftmax) {
  expect_candidates(candidates(five, {}, plain()), {{1, 0.4}, {3, 0.25}, {2, 0.2}, {0, 0.1}, {4, 0.05}});
}

TEST(Sampling, TemperatureSharpensAndFlattens) {
  SamplingOptions options = plain();
  options.temperature = 0.5;  // squares
  const std::vector<float> two = logits_of({0.2, 0.8});
  expect_candidates(candidates(two, {}, options), {{1, 0.64 / 0.68}, {0, 0.04 / 0.68}});
  options.temperature = 2;  // square roots
  expect_candidates(candidates(two, {}, options), {{1, 2.0 / 3}, {0, 1.0 / 3}});
  options.temperature = 1e-300;
  expect_candidates(candidates(two, {}, options), {{1, 1}, {0, 0}});
}

TEST(Sampling, TemperatureZeroTakesTheFirstOfTheLargest) {
  SamplingOptions options = plain();
  options.temperature = 0;
  expect_candidates(candidates(std::vector<float>{1, 5, 2, 5, 5}, {}, options), {{1, 1}});
  expect_candidates(candidates(std::vector<float>{-INFINITY, -3, -2}, {}, options), {{2, 1}});
  options.repeat_penalty = 2;
  expect_candidates(candidates(std::vector<float>{1, 5, 3}, std::vector<int32_t>{1}, options), {{2, 1}});
}

TEST(Sampling, TopK) {
  SamplingOptions options = plain();
  options.top_k = 2;
  expect_candidates(candidates(five, {}, options), {{1, 0.4 / 0.65}, {3, 0.25 / 0.65}});
  options.top_k = 1;
  expect_candidates(candidates(five, {}, options), {{1, 1}});
  options.top_k = 99;
  EXPECT_EQ(candidates(five, {}, options).size(), 5u);
  options.top_k = 2;  // exactly two, though three are equal: the lowest ids
  expect_candidates(candidates(std::vector<float>{1, 7, 7, 7}, {}, options), {{1, 0.5}, {2, 0.5}});
}

TEST(Sampling, TheFirstOfALargeVocabularyAreThoseOfAFullSort) {
  std::vector<float> logits;
  for (uint32_t i = 0; i < 5000; ++i) logits.push_back(static_cast<float>(i * 2654435761u >> 22));  // with many ties
  logits[4999] = 2000;
  logits[77] = -INFINITY;
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  for (const int64_t count : {1, 3, 50, 78, 79, 300}) {
    for (const double penalty : {1.0, 1.5}) {
      SamplingOptions options = plain();
      options.top_k = count;
      options.repeat_penalty = penalty;  // of no token
      const auto kept = candidates(logits, {}, options);
      ASSERT_EQ(kept.size(), static_cast<size_t>(count));
      for (size_t i = 0; i < kept.size(); ++i) ASSERT_EQ(kept[i].token, order[i]) << "place " << i << " of " << count;
    }
  }
}

TEST(Sampling, TopPKeepsTheTokenThatReachesIt) {
  SamplingOptions options = plain();
  options.top_p = 0.6;  // 0.4 + 0.25
  expect_candidates(candidates(five, {}, options), {{1, 0.4 / 0.65}, {3, 0.25 / 0.65}});
  options.top_p = 0.66;
  EXPECT_EQ(candidates(five, {}, options).size(), 3u);
  options.top_p = 1e-9;  // at least one
  expect_candidates(candidates(five, {}, options), {{1, 1}});
}

TEST(Sampling, TopPGoesByWhatTopKLeaves) {
  SamplingOptions options = plain();
  options.top_k = 2;
  options.top_p = 0.6;  // 0.4 / 0.65 = 0.615
  expect_candidates(candidates(five, {}, options), {{1, 1}});
}

TEST(Sampling, MinP) {
  SamplingOptions options = plain();
  options.min_p = 0.49;  // of 0.4: at least 0.196
  expect_candidates(candidates(five, {}, options), {{1, 0.4 / 0.85}, {3, 0.25 / 0.85}, {2, 0.2 / 0.85}});
  options.min_p = 1;
  expect_candidates(candidates(five, {}, options), {{1, 1}});
  expect_candidates(candidates(std::vector<float>{4, 4, 1}, {}, options), {{0, 0.5}, {1, 0.5}});
}

TEST(Sampling, TheTemperatureComesBeforeTopP) {
  SamplingOptions options = plain();
  options.temperature = 0.5;  // squares: 0.16, 0.0625, 0.04, 0.01, 0.0025 of 0.275
  options.top_p = 0.58;       // 0.16 / 0.275 = 0.582
  expect_candidates(candidates(five, {}, options), {{1, 1}});
}

TEST(Sampling, RepeatPenalty) {
  SamplingOptions options = plain();
  options.repeat_penalty = 2;
  options.temperature = 0;
  const std::vector<float> logits{4, 3, -1, -3};
  EXPECT_EQ(candidates(logits, std::vector<int32_t>{0}, options)[0].token, 1);  // 2, 3, …
  EXPECT_EQ(candidates(logits, std::vector<int32_t>{1}, options)[0].token, 0);  // 4, 1.5, …
  options.temperature = 1;
  const double a = std::exp(2.0), b = std::exp(3.0), c = std::exp(-2.0), d = std::exp(-3.0), sum = a + b + c + d;
  expect_candidates(candidates(logits, std::vector<int32_t>{0, 2, 0}, options),
                    {{1, b / sum}, {0, a / sum}, {2, c / sum}, {3, d / sum}});
}

TEST(Sampling, LogitsThatAreNoNumbersAreAnError) {
  EXPECT_THROW(candidates(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, {}, plain()),
               std::runtime_error);
  EXPECT_THROW(candidates(std::vector<float>{1, INFINITY}, {}, plain()), std::runtime_error);
  EXPECT_THROW(candidates(std::vector<float>{}, {}, plain()), std::runtime_error);
}

TEST(Sampling, PickWalksTheSums) {
  const std::vector<Candidate> three{{7, 0.5}, {2, 0.3}, {5, 0.2}};
  EXPECT_EQ(pick(three, 0), 7);
  EXPECT_EQ(pick(three, 0.4999), 7);
  EXPECT_EQ(pick(three, 0.5), 2);
  EXPECT_EQ(pick(three, 0.7999), 2);
  EXPECT_EQ(pick(three, 0.81), 5);
  EXPECT_EQ(pick(std::vector<Candidate>{{7, 0.5}, {2, 0.4999}}, 0.99999), 2);
}

TEST(Sampling, DrawsFollowTheDistribution) {
  Sampler sampler(plain(), 5);
  std::map<int32_t, int> counts;
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) ++counts[sampler.next(five, {})];
  const std::vector<double> expected{0.1, 0.4, 0.2, 0.25, 0.05};
  for (int32_t token = 0; token < 5; ++token)  // five standard deviations at most
    EXPECT_NEAR(counts[token] / static_cast<double>(draws), expected[static_cast<size_t>(token)], 0.018) << token;
}

TEST(Sampling, ASeedAlwaysGivesTheseNumbers) {
  std::vector<double> numbers;
  for (uint64_t i = 0; i < 1000; ++i) {
    numbers.push_back(uniform_number(42, i));
    EXPECT_GE(numbers.back(), 0);
    EXPECT_LT(numbers.back(), 1);
    EXPECT_EQ(numbers.back(), uniform_number(42, i));
    EXPECT_NE(numbers.back(), uniform_number(43, i));
  }
  // The same on every machine: Philox4x32-10 of key 42 and counter (0, 3, index, 0), the upper 53 of its first 64 bits.
  EXPECT_DOUBLE_EQ(numbers[0], 0.70226426207017856);
  EXPECT_DOUBLE_EQ(numbers[999], 0.61184736949227181);
}

TEST(Sampling, EqualSeedsDrawEqualTokens) {
  Sampler a(plain(), 9), b(plain(), 9), c(plain(), 10);
  int differ = 0;
  for (int i = 0; i < 50; ++i) {
    const int32_t token = a.next(five, {});
    EXPECT_EQ(token, b.next(five, {}));
    differ += token != c.next(five, {});
  }
  EXPECT_GT(differ, 5);
}

}  // namespace
}  // namespace trm
