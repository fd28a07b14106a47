// Test-time search: repeatable, the same for a puzzle alone and among others, and each way to select.
#include "evaluation/search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "evaluation/evaluation_step.h"
#include "puzzles/kinds.h"

namespace trm::testing {
namespace {

ModelConfig tiny_config() {
  ModelConfig c;
  c.hidden_size = 32;
  c.num_heads = 2;
  c.expansion = 1;
  c.H_cycles = c.L_cycles = 2;
  c.L_layers = 1;
  c.halt_max_steps = 3;
  c.forward_dtype = DType::float32;
  c.seq_len = 16;
  c.vocab_size = 11;
  c.puzzle_emb_ndim = 32;
  c.puzzle_emb_len = 1;
  c.num_puzzle_identifiers = 4;
  return c;
}

/// Halts now and then: the weights of the halting head are drawn, and its bias is 0.
std::unique_ptr<Model> model_that_halts(uint64_t seed = 5) {
  auto model = std::make_unique<Model>(tiny_config(), cpu_device, seed, false);
  std::vector<float> weights;
  for (int i = 0; i < 64; ++i) weights.push_back(static_cast<float>((i * 37) % 21 - 10) / 40);
  model->q_weight().master.copy_from_host(weights.data());
  const std::vector<float> bias = {0, 0};
  model->q_bias().master.copy_from_host(bias.data());
  return model;
}

std::vector<Question> questions(int count, int views = 1, uint64_t seed = 3) {
  const auto kind = puzzle_kind("sudoku", 11, 16);
  std::vector<Question> all;
  SplitMix64 random(11);
  for (int i = 0; i < count; ++i) {
    Question question{{}, draw_views(*kind, views, seed, i % 4)};
    for (int cell = 0; cell < 16; ++cell) question.tokens.push_back(static_cast<int32_t>(random.below(5)) + 1);
    all.push_back(std::move(question));
  }
  return all;
}

std::vector<std::vector<int32_t>> answers(const std::vector<Outcome>& outcomes) {
  std::vector<std::vector<int32_t>> all;
  for (const Outcome& outcome : outcomes) all.push_back(outcome.attempts.at(outcome.chosen).tokens);
  return all;
}

TEST(Search, WithoutOptionsIsTheEvaluation) {
  const auto model = model_that_halts();
  const auto asked = questions(5);
  SearchOptions options;
  options.rows = 2;
  const auto outcomes = Search(*model, options).run(asked);
  ASSERT_EQ(outcomes.size(), 5u);
  EvaluationStep step(*model, 1);
  for (int i = 0; i < 5; ++i) {
    const std::vector<int32_t> labels(16, -100);
    const int32_t id = i % 4;
    const auto steps = step.run(asked[i].tokens.data(), labels.data(), &id);
    ASSERT_EQ(outcomes[i].attempts.size(), 1u);
    const Attempt& attempt = outcomes[i].attempts[0];
    EXPECT_EQ(attempt.tokens, steps.back().result.preds.to_vector<int32_t>());
    EXPECT_NEAR(attempt.q_halt, steps.back().result.q.to_vector<float>()[0], 1e-5);
    EXPECT_EQ(attempt.steps, 3);
  }
}

TEST(Search, DoesNotDependOnTheRowsBesideIt) {
  const auto model = model_that_halts();
  const auto asked = questions(6, 3);
  for (const double noise : {0.0, 0.3}) {
    SearchOptions options;
    options.halt = true;
    options.steps = 7;
    options.rollouts = 3;
    options.noise = noise;
    options.select = Select::vote;
    options.seed = 9;
    const auto together = Search(*model, options).run(asked);
    EXPECT_EQ(answers(together), answers(Search(*model, options).run(asked))) << "not repeatable";
    options.rows = 5;
    for (size_t i = 0; i < asked.size(); ++i) {
      const auto alone = Search(*model, options).run(std::span(&asked[i], 1));
      ASSERT_EQ(alone[0].attempts.size(), 9u);
      for (size_t k = 0; k < 9; ++k) {
        const Attempt &a = alone[0].attempts[k], &b = together[i].attempts[k];
        EXPECT_EQ(std::pair(a.view, a.rollout), std::pair(static_cast<int>(k / 3), static_cast<int>(k % 3)));
        EXPECT_EQ(a.tokens, b.tokens);
        EXPECT_EQ(a.steps, b.steps);
        EXPECT_NEAR(a.q_halt, b.q_halt, 1e-4);
      }
    }
    options.seed = 10;
    EXPECT_NE(answers(together), answers(Search(*model, options).run(asked))) << "the seed has no effect";
  }
}

TEST(Search, RowsEndWhereTheyHalt) {
  const auto model = model_that_halts();
  SearchOptions options;
  options.steps = 6;
  options.trace = true;
  const auto asked = questions(12);
  const auto all = Search(*model, options).run(asked);
  options.halt = true;
  const auto halted = Search(*model, options).run(asked);
  bool early = false;
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto& trace = all[i].attempts[0].trace;
    ASSERT_EQ(trace.size(), 6u);
    const auto first = std::find_if(trace.begin(), trace.end(), [](const TracedStep& step) { return step.q_halt > 0; });
    const int expected = first == trace.end() ? 6 : static_cast<int>(first - trace.begin()) + 1;
    EXPECT_EQ(halted[i].attempts[0].steps, expected);
    EXPECT_EQ(halted[i].attempts[0].tokens, trace[static_cast<size_t>(expected - 1)].tokens);
    early = early || expected < 6;
  }
  EXPECT_TRUE(early) << "no row halts in this test";
}

TEST(Search, FirstEndsAPuzzle) {
  const auto model = model_that_halts();
  SearchOptions options;
  options.halt = true;
  options.steps = 6;
  options.rollouts = 4;
  options.noise = 0.5;
  const auto asked = questions(8, 2);
  const auto all = Search(*model, options).run(asked);
  options.select = Select::first;
  options.rows = 8;
  const auto first = Search(*model, options).run(asked);
  for (size_t i = 0; i < asked.size(); ++i) {
    const Attempt& chosen = first[i].attempts[first[i].chosen];
    const auto fewest = std::min_element(
        all[i].attempts.begin(), all[i].attempts.end(),
        [](const Attempt& a, const Attempt& b) { return std::pair(!a.halts, a.steps) < std::pair(!b.halts, b.steps); });
    EXPECT_EQ(chosen.halts, fewest->halts);
    EXPECT_EQ(chosen.steps, fewest->steps);
    EXPECT_LE(first[i].attempts.size(), 8u);
  }
}

TEST(Search, ViewsAreMappedBack) {
  // A model's answer to a view, undone, is what it says of the view's own puzzle.
  const auto model = model_that_halts();
  const auto asked = questions(3, 4);
  const auto outcomes = Search(*model, {}).run(asked);
  for (size_t i = 0; i < asked.size(); ++i) {
    for (size_t view = 0; view < 4; ++view) {
      Question own{asked[i].tokens, {{nullptr, asked[i].views[view].puzzle_identifier}}};
      const auto& symmetry = asked[i].views[view].symmetry;
      if (symmetry) symmetry->apply(asked[i].tokens, own.tokens);
      std::vector<int32_t> expected = answers(Search(*model, {}).run(std::span(&own, 1)))[0], undone = expected;
      if (symmetry) symmetry->undo(expected, undone);
      EXPECT_EQ(outcomes[i].attempts[view].tokens, undone);
    }
  }
}

TEST(Search, Residuals) {
  const auto model = model_that_halts();
  SearchOptions options;
  options.select = Select::residual;
  options.steps = 5;
  options.rollouts = 3;
  const auto outcomes = Search(*model, options).run(questions(2));
  for (const Outcome& outcome : outcomes) {
    for (const Attempt& attempt : outcome.attempts) {
      EXPECT_GT(attempt.residual, 0);
      EXPECT_GE(attempt.residual, outcome.attempts[outcome.chosen].residual);
    }
  }
  // The mean over the last three steps' mean |Δlogits|, from logits of evaluations of each depth.
  std::vector<std::vector<float>> logits;
  const auto asked = questions(1);
  for (int depth = 2; depth <= 5; ++depth) {
    ModelConfig config = tiny_config();
    config.halt_max_steps = depth;
    Model deep(config, cpu_device, 5, false);
    deep.load_state(model->state());
    const std::vector<int32_t> labels(16, -100);
    const int32_t id = 0;
    EvaluationStep step(deep, 1);
    logits.push_back(
        step.run(asked[0].tokens.data(), labels.data(), &id, {.logits = true}).back().result.logits.to_vector<float>());
  }
  double expected = 0;
  for (size_t step = 1; step < 4; ++step)
    for (size_t i = 0; i < logits[0].size(); ++i)
      expected += std::abs(static_cast<double>(logits[step][i]) - logits[step - 1][i]) /
                  static_cast<double>(logits[0].size()) / 3;
  EXPECT_NEAR(outcomes[0].attempts[0].residual, expected, 1e-4 * expected);
}

TEST(Search, Choices) {
  const auto attempt = [](std::vector<int32_t> tokens, float q, bool halts, int steps, double residual) {
    Attempt made;
    made.tokens = std::move(tokens);
    made.q_halt = q;
    made.halts = halts;
    made.steps = steps;
    made.residual = residual;
    return made;
  };
  const std::vector<Attempt> all = {attempt({1}, -2, false, 9, 0.3), attempt({2}, 3, true, 5, 0.2),
                                    attempt({3}, 1, true, 2, 0.4), attempt({1}, -3, false, 9, 0.1),
                                    attempt({3}, 0.5f, true, 2, 0.5)};
  using Chosen = std::pair<size_t, int64_t>;
  EXPECT_EQ(choose(all, Select::q, false), (Chosen{1, 1}));
  EXPECT_EQ(choose(all, Select::first, false), (Chosen{2, 2}));
  EXPECT_EQ(choose(all, Select::vote, false), (Chosen{2, 2})) << "two votes each, those of {3} have the higher q";
  EXPECT_EQ(choose(all, Select::residual, false), (Chosen{3, 2}));
}

TEST(Search, RefusesWhatCannotBe) {
  const auto model = model_that_halts();
  const auto refused = [&](auto change) {
    SearchOptions options;
    change(options);
    EXPECT_THROW(Search(*model, options), std::invalid_argument);
  };
  refused([](SearchOptions& o) { o.select = Select::first; });
  refused([](SearchOptions& o) { o.rollouts = 0; });
  refused([](SearchOptions& o) { o.noise = -1; });
  refused([](SearchOptions& o) { o.steps = -1; });
  EXPECT_TRUE(Search(*model, {}).run({}).empty());
}

}  // namespace
}  // namespace trm::testing
