// Voting over ARC augmentations on made predictions, against the reference's way written out: lists of (grid, q) by
// task and test input, counted, sorted by (count, mean q).
#include "evaluation/arc_evaluator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/loader.h"
#include "data/random.h"
#include "tests/data/folders.h"

namespace trm::testing {
namespace {

using Rows = std::vector<std::vector<int>>;
using nlohmann::json;

/// numpy's rot90, fliplr, flipud and T, by the reference's numbers.
Rows turned(const Rows& g, int id) {
  if (g.empty()) return g;
  const auto rot90 = [](const Rows& a) {
    Rows out(a[0].size(), std::vector<int>(a.size()));
    for (size_t r = 0; r < out.size(); ++r)
      for (size_t c = 0; c < a.size(); ++c) out[r][c] = a[c][a[0].size() - 1 - r];
    return out;
  };
  const auto fliplr = [](Rows a) {
    for (auto& row : a) std::reverse(row.begin(), row.end());
    return a;
  };
  switch (id) {
    case 1:
      return rot90(g);
    case 2:
      return rot90(rot90(g));
    case 3:
      return rot90(rot90(rot90(g)));
    case 4:
      return fliplr(g);
    case 5: {
      Rows a = g;
      std::reverse(a.begin(), a.end());
      return a;
    }
    case 6: {
      Rows out(g[0].size(), std::vector<int>(g.size()));
      for (size_t r = 0; r < g.size(); ++r)
        for (size_t c = 0; c < g[0].size(); ++c) out[c][r] = g[r][c];
      return out;
    }
    case 7:
      return fliplr(rot90(g));
    default:
      return g;
  }
}

Rows augmented(const Rows& g, const std::string& name) {
  const size_t at = name.find("|||");
  if (at == std::string::npos) return g;
  Rows out = turned(g, name[at + 4] - '0');
  for (auto& row : out)
    for (int& colour : row) colour = name[at + 8 + static_cast<size_t>(colour)] - '0';
  return out;
}

/// With end-of-grid borders, and `beyond` everywhere else.
std::vector<int32_t> canvas(const Rows& g, int beyond = 0) {
  std::vector<int32_t> tokens(900, beyond);
  const int rows = static_cast<int>(g.size()), columns = rows ? static_cast<int>(g[0].size()) : 0;
  for (int r = 0; r <= rows && r < 30; ++r)
    for (int c = 0; c <= columns && c < 30; ++c)
      tokens[static_cast<size_t>(r * 30 + c)] =
          r < rows && c < columns ? g[static_cast<size_t>(r)][static_cast<size_t>(c)] + 2 : 1;
  return tokens;
}

struct Vote {
  std::string task;
  Rows input, answer;
  double q;
};

struct Case {
  std::string name;  // of the augmented puzzle
  Rows input;        // of the test pair
};

const json puzzles = json::parse(R"({
  "aa": {"train": [{"input": [[1]], "output": [[2]]}],
         "test": [{"input": [[1, 2, 3], [4, 5, 6]], "output": [[7, 8]]}, {"input": [[1, 0], [0, 1]], "output": [[3], [4], [5]]}]},
  "bb": {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[9, 9, 9]], "output": [[0]]}]}})");
const std::vector<std::string> names = {"<blank>",
                                        "aa",
                                        "aa|||t1|||0213456789",
                                        "bb",
                                        "aa|||t3|||0987654321",
                                        "cc",
                                        "aa|||t7|||0312456789",
                                        "bb|||t6|||0123456798",
                                        "bb|||t4|||0123456789"};

class ArcEvaluation : public ::testing::Test {
 protected:
  ArcEvaluation() {
    write_file(folder_ / "data/test_puzzles.json", puzzles.dump());
    write_file(folder_ / "data/identifiers.json", json(names).dump());
    for (size_t id = 1; id < names.size(); ++id) {
      const std::string task = names[id].substr(0, 2);
      if (task == "cc") cases_.push_back({names[id], {{5}}});
      if (task != "cc")
        for (const auto& pair : puzzles[task]["test"]) cases_.push_back({names[id], pair["input"].get<Rows>()});
    }
    Synthetic data;
    data.metadata.vocab_size = 12;
    data.metadata.seq_len = 900;
    data.puzzle_sizes.assign(cases_.size(), 1);
    data.group_sizes.assign(cases_.size(), 1);
    data.write(folder_ / "data", "test");
    const auto at = folder_ / "data/test";
    std::vector<int32_t> ids;
    NpyWriter inputs(at / "all__inputs.npy", {cases_.size(), 900});
    for (const Case& one : cases_) {
      ids.push_back(static_cast<int32_t>(std::find(names.begin(), names.end(), one.name) - names.begin()));
      inputs.append(canvas(augmented(one.input, one.name)));
    }
    inputs.finish();
    write_npy(at / "all__puzzle_identifiers.npy", ids);
    dataset_ = std::make_shared<const Dataset>(Dataset::open({folder_ / "data"}, "test"));
  }

  ArcEvaluator evaluator(EvaluatorSettings settings = {}) const { return {folder_ / "data", "ARC", settings, 0}; }

  /// Gives an evaluator the answers in batches of 4, and remembers the votes; `only`: batches whose number has that
  /// remainder by 2.
  void give(ArcEvaluator& evaluator, const std::vector<std::pair<Rows, float>>& answers, int only = -1,
            bool remember = true) {
    LoaderOptions options;
    options.batch_size = 4;
    Loader loader = Loader::evaluation(dataset_, options);
    size_t next = 0;
    for (int number = 0; const auto batch = loader.next(); ++number) {
      std::vector<int32_t> preds;
      std::vector<float> q;
      for (size_t row = 0; row < batch->rows; ++row) {
        const bool real = row < batch->real_rows;
        const auto& [answer, logit] = answers[real ? next : 0];
        const Rows seen = real ? augmented(answer, cases_[next].name) : answer;
        const auto tokens = canvas(seen, next % 3 == 0 ? 7 : 0);  // what lies beyond the border is not read
        preds.insert(preds.end(), tokens.begin(), tokens.end());
        q.insert(q.end(), {logit, 0});
        if (!real) continue;
        if (remember && cases_[next].name.substr(0, 2) != "cc")
          votes_.push_back({cases_[next].name.substr(0, 2), cases_[next].input, answer,
                            1 / (1 + std::exp(-static_cast<double>(logit)))});
        ++next;
      }
      std::vector<EvaluatedStep> steps(1);
      steps[0].result.preds = Tensor::from(preds, {4, 900});
      steps[0].result.q = Tensor::from(q, {4, 2});
      if (only < 0 || number % 2 == only) evaluator.add(dataset_->sets()[0], *batch, steps);
    }
  }

  /// Candidates of a test input: (count, mean q) descending, first come first among equals.
  std::vector<Rows> ranked(const std::string& task, const Rows& input) const {
    std::vector<std::pair<Rows, std::pair<int, double>>> map;
    for (const Vote& vote : votes_) {
      if (vote.task != task || vote.input != input) continue;
      auto found = std::find_if(map.begin(), map.end(), [&](const auto& entry) { return entry.first == vote.answer; });
      if (found == map.end()) found = map.insert(map.end(), {vote.answer, {0, 0.0}});
      ++found->second.first;
      found->second.second += vote.q;
    }
    for (auto& [answer, stats] : map) stats.second /= stats.first;
    std::stable_sort(map.begin(), map.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<Rows> order;
    for (const auto& entry : map) order.push_back(entry.first);
    return order;
  }
  double pass(size_t k) const {
    double right = 0;
    for (const auto& [task, puzzle] : puzzles.items()) {
      double own = 0;
      for (const auto& pair : puzzle["test"]) {
        const auto order = ranked(task, pair["input"].get<Rows>());
        const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(k, order.size()));
        own += std::find(order.begin(), end, pair["output"].get<Rows>()) != end;
      }
      right += own / static_cast<double>(puzzle["test"].size());
    }
    return right / static_cast<double>(puzzles.size());
  }
  void expect_reference(ArcEvaluator& evaluator, const std::vector<int>& ks = {1, 2, 5, 10, 100, 1000}) {
    const Metrics metrics = evaluator.metrics();
    ASSERT_EQ(metrics.size(), ks.size());
    for (size_t i = 0; i < ks.size(); ++i) {
      EXPECT_EQ(metrics[i].first, "ARC/pass@" + std::to_string(ks[i]));
      EXPECT_NEAR(metrics[i].second, pass(static_cast<size_t>(ks[i])), 1e-12) << metrics[i].first;
    }
    const json submission = json::parse(read_file(folder_ / "run/evaluator_ARC_step_7/submission.json"));
    EXPECT_EQ(submission.size(), puzzles.size());
    for (const auto& [task, puzzle] : puzzles.items()) {
      ASSERT_EQ(submission[task].size(), puzzle["test"].size());
      for (size_t i = 0; i < puzzle["test"].size(); ++i) {
        const auto order = ranked(task, puzzle["test"][i]["input"].get<Rows>());
        ASSERT_EQ(submission[task][i].size(), 2u);
        EXPECT_EQ(submission[task][i]["attempt_1"].get<Rows>(), order.at(0));
        EXPECT_EQ(submission[task][i]["attempt_2"].get<Rows>(), order[order.size() > 1 ? 1 : 0]);
      }
    }
  }

  /// Of a few candidates for each input, right ones among them.
  std::vector<std::pair<Rows, float>> drawn(uint64_t seed) const {
    const std::vector<Rows> pool = {{{7, 8}}, {{3}, {4}, {5}}, {{0}}, {{7, 8}, {7, 8}}, {{1, 2, 3}}};
    SplitMix64 random(seed);
    std::vector<std::pair<Rows, float>> answers;
    for (size_t i = 0; i < cases_.size(); ++i)
      answers.emplace_back(pool[random.below(pool.size())], static_cast<float>(random.below(9)) - 4);
    return answers;
  }

  EvaluationPlace place() const { return {folder_ / "run", 7}; }

  TemporaryFolder folder_;
  std::vector<Case> cases_;
  std::shared_ptr<const Dataset> dataset_;
  std::vector<Vote> votes_;
};

TEST_F(ArcEvaluation, AHandMadeCase) {
  // Test inputs in the order of the data: aa (2 inputs), aa t1 (2), bb, aa t3 (2), cc, aa t7 (2), bb t6, bb t4.
  const Rows right_1 = {{7, 8}}, right_2 = {{3}, {4}, {5}}, right_bb = {{0}}, wrong = {{6, 6}};
  auto evaluator = this->evaluator();
  evaluator.begin(place());
  give(evaluator, {{right_1, 0},
                   {wrong, 1},
                   {right_1, -1},
                   {wrong, 2},
                   {right_bb, 0},
                   {wrong, 9},
                   {right_2, 5},
                   {wrong, 0},
                   {wrong, 9},
                   {wrong, 3},
                   {wrong, 8},
                   {wrong, 8}});
  // First input of aa: right 2 votes, wrong 2 with a higher q. Second: wrong 3, right 1. bb: right 1, wrong 2.
  const Metrics metrics = evaluator.metrics();
  EXPECT_EQ(metrics[0], (Metrics::value_type{"ARC/pass@1", 0.0}));
  EXPECT_EQ(metrics[1], (Metrics::value_type{"ARC/pass@2", 1.0}));
  const json submission = json::parse(read_file(folder_ / "run/evaluator_ARC_step_7/submission.json"));
  EXPECT_EQ(submission["aa"][1], json::parse(R"({"attempt_1": [[6, 6]], "attempt_2": [[3], [4], [5]]})"));
}

TEST_F(ArcEvaluation, FollowsTheReference) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto evaluator = this->evaluator();
    evaluator.begin(place());
    votes_.clear();
    give(evaluator, drawn(seed));
    expect_reference(evaluator);
  }
}

TEST_F(ArcEvaluation, VotesOfEarlierEvaluationsCount) {
  auto evaluator = this->evaluator();
  for (uint64_t seed = 0; seed < 8; ++seed) {
    evaluator.begin(place());
    give(evaluator, drawn(seed));
    expect_reference(evaluator);  // grids that are out of the running are forgotten in between
  }
  EvaluatorSettings settings;
  settings.aggregated_voting = false;
  auto forgetful = this->evaluator(settings);
  for (uint64_t seed = 0; seed < 3; ++seed) {
    votes_.clear();
    forgetful.begin(place());
    give(forgetful, drawn(seed));
    expect_reference(forgetful);
  }
}

TEST_F(ArcEvaluation, TwoProcessesShareTheVotes) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    auto first = evaluator(), second = evaluator();
    first.begin(place());
    second.begin(place());
    votes_.clear();
    give(first, drawn(seed), 0);
    give(second, drawn(seed), 1, false);
    first.merge(second.state());
    const Metrics metrics = first.metrics();
    for (size_t i = 0; const int k : {1, 2, 5}) EXPECT_NEAR(metrics[i++].second, pass(static_cast<size_t>(k)), 1e-12);
  }
}

TEST_F(ArcEvaluation, InputsWithoutPredictionAreWrong) {
  EvaluatorSettings settings;
  settings.submission_K = 3;
  settings.pass_Ks = {4};
  auto evaluator = this->evaluator(settings);
  evaluator.begin(place());
  give(evaluator, drawn(1), 5);  // none
  EXPECT_EQ(evaluator.metrics(), (Metrics{{"ARC/pass@4", 0.0}}));
  const json submission = json::parse(read_file(folder_ / "run/evaluator_ARC_step_7/submission.json"));
  EXPECT_EQ(submission["bb"], json::parse(R"([{"attempt_1": [[0]], "attempt_2": [[0]], "attempt_3": [[0]]}])"));
}

TEST_F(ArcEvaluation, AnswersThatAreNoGridAreVotesForNothing) {
  auto evaluator = this->evaluator();
  evaluator.begin(place());
  std::vector<std::pair<Rows, float>> answers(cases_.size(), {Rows{}, 3.0f});
  answers[0] = {{{7, 8}}, -3};
  give(evaluator, answers);
  const Metrics metrics = evaluator.metrics();
  EXPECT_EQ(metrics[0].second, 0.0) << "three empty answers outvote one grid";
  EXPECT_EQ(metrics[1].second, 0.25);
  const json submission = json::parse(read_file(folder_ / "run/evaluator_ARC_step_7/submission.json"));
  EXPECT_EQ(submission["aa"][0]["attempt_1"], json::parse("[[7, 8]]")) << "an empty grid is no attempt";
}

TEST_F(ArcEvaluation, FilesThatAreWrong) {
  EXPECT_ERROR_WITH(ArcEvaluator(folder_ / "none", "ARC", {}, 0), "none", "test_puzzles.json");
  write_file(folder_ / "data/identifiers.json", R"({"0": "aa"})");
  EXPECT_ERROR_WITH(evaluator(), "identifiers.json", "list of names");
  write_file(folder_ / "data/identifiers.json", R"(["<blank>", "aa|||t9|||0123456789"])");
  EXPECT_ERROR_WITH(evaluator(), "aa|||t9|||0123456789");
  write_file(folder_ / "data/identifiers.json", R"(["<blank>", "aa"])");
  auto few = evaluator();
  few.begin(place());
  EXPECT_ERROR_WITH(give(few, drawn(0)), "identifiers.json", "2 names");
  json open = puzzles;
  open["bb"]["test"][0].erase("output");
  write_file(folder_ / "data/test_puzzles.json", open.dump());
  EXPECT_ERROR_WITH(evaluator(), "test_puzzles.json", "bb", "without output");
}

}  // namespace
}  // namespace trm::testing
