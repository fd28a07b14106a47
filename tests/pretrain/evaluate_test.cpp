// pretrain --evaluate, and what evaluations add to the metrics.
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;
using nlohmann::json;

class Evaluate : public PretrainTest {
 protected:
  Evaluate() {
    make_puzzles();
    Synthetic test = tiny_data(6);
    test.metadata.num_puzzle_identifiers = 9;
    test.write(folder_ / "puzzles", "test");
  }
  std::vector<json> lines(const std::string& file) {
    std::vector<json> all;
    std::istringstream text(read_file(folder_ / file));
    for (std::string line; std::getline(text, line);) all.push_back(json::parse(line));
    return all;
  }
};

TEST_F(Evaluate, IsTheRunsOwnEvaluation) {
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=4", "checkpoint_interval=2", "eval_depths=True"}).status, 0);
  const json own = metrics().back();
  const Result result = run({"--evaluate", "run/step_2.h5", "run"});
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.says("run/step_4.h5, step 4, moving average: 6 examples")) << result.output;
  EXPECT_TRUE(result.says("all/exact_accuracy")) << result.output;
  EXPECT_TRUE(result.says("(95 %: ")) << result.output;
  const auto all = lines("run/evaluations.jsonl");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["step"], 2);
  EXPECT_EQ(all[1]["checkpoint"], "step_4.h5");
  int compared = 0;
  for (const auto& [name, value] : own.items()) {
    if (!name.starts_with("all/")) continue;
    ASSERT_TRUE(all[1].contains(name)) << name;
    EXPECT_EQ(all[1][name], value) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 7 + 4 + 4 * 3) << own;  // means, bounds, depths
  EXPECT_EQ(own["all/depth_4/exact_accuracy"], own["all/exact_accuracy"]);
  EXPECT_LE(own["all/accuracy_low"].get<double>(), own["all/accuracy"].get<double>());
}

TEST_F(Evaluate, OtherDataAndASearch) {
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=2"}).status, 0);
  Synthetic other = tiny_data(3);
  other.set = "extra";
  other.write(folder_ / "other", "test");
  const Result result = run({"--evaluate", "run", "data_paths_test=[other]", "eval_steps=6", "eval_rollouts=2",
                             "eval_noise=0.1", "eval_views=2", "eval_select=vote", "eval_depths=True"});
  ASSERT_EQ(result.status, 0) << result.output;
  const json line = lines("run/evaluations.jsonl").back();
  EXPECT_EQ(line["extra/count"], 3);
  EXPECT_EQ(line["extra/steps"], 6);
  EXPECT_TRUE(line["extra/lm_loss"].is_null());
  EXPECT_EQ(line["extra/depth_6/exact_accuracy"], line["extra/exact_accuracy"]);
  EXPECT_EQ(run({"--evaluate", "run", "data_paths_test=[other]", "eval_steps=6", "eval_rollouts=2", "eval_noise=0.1",
                 "eval_views=2", "eval_select=vote", "eval_depths=True"})
                .status,
            0);
  EXPECT_EQ(lines("run/evaluations.jsonl").back(), line) << "not repeatable";
}

TEST_F(Evaluate, WhatCannotBeEvaluated) {
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=2"}).status, 0);
  expect_error({"--evaluate"}, {"--evaluate takes checkpoints"});
  expect_error({"--evaluate", "nowhere"}, {"nowhere"});
  expect_error({"--evaluate", "run", "-cn", "cfg_chat"}, {"the configuration in the checkpoint"});
  expect_error({"--evaluate", "run", "data_paths_test=[missing]"}, {"missing"});
  expect_error({"--evaluate", "run", "evl_depths=True"}, {"evl_depths", "eval_depths"});
  expect_error({"--evaluate", "run", "evaluators=[{name: arc@ARC, submission_k: 2}]"},
               {"evaluators", "submission_k", "submission_K"});
  expect_error({"--evaluate", "run", "evaluators=[{name: arc@ARC, pass_Ks: [0]}]"}, {"evaluators", "pass_Ks"});
  expect_error({"--evaluate", "run", "evaluators=[{name: sudoku@X}]"}, {"evaluators", "sudoku@X"});
  expect_error({"--evaluate", "run", "eval_select=best"}, {"eval_select", "best", "vote"});
  expect_error({"--evaluate", "run", "eval_noise=-1"}, {"eval_noise", "-1"});
  expect_error({"--evaluate", "run", "eval_rollouts=2", "eval_save_outputs=[logits]"},
               {"eval_save_outputs", "logits", "search"});
  Synthetic other = tiny_data(3);
  other.metadata.seq_len = 9;
  other.write(folder_ / "other", "test");
  expect_error({"--evaluate", "run", "data_paths_test=[other]"}, {"seq_len", "9", "8"});
}

TEST_F(Evaluate, ASearchIsForPuzzles) {
  make_chat();
  tiny_data(4).write(folder_ / "chat", "test");
  expect_error(chat() + Arguments{"eval_rollouts=2"}, {"eval_rollouts", "puzzle", "chat"});
}

}  // namespace
}  // namespace trm
