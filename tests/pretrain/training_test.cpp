// What a run leaves behind.
#include <set>

#include "checkpoint/run_folder.h"
#include "settings/stored.h"
#include "tests/pretrain/run_program.h"
#include "tokenizer/tokenizer.h"

namespace trm {
namespace {

using namespace testing;

class Training : public PretrainTest {
 protected:
  std::set<std::string> files(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_ / folder)) names.insert(entry.path().filename().string());
    return names;
  }
};

TEST_F(Training, ChatFromConversations) {
  const std::string input = (source_dir() / "examples/chat.json").string();
  ASSERT_EQ(program("build_dataset", {"chat", "--input-file", input, "--output-dir", "chat", "--vocab-size", "400",
                                      "--max-length", "32"})
                .status,
            0);
  const Result result = run(chat() + Arguments{"~checkpoint_path", "epochs=2", "eval_interval=1", "ema=True",
                                               "ema_rate=0.9", "lr_warmup_steps=1000"});
  ASSERT_EQ(result.status, 0) << result.output;
  for (const char* part : {"Using device: cpu\n", "parameters", "float32", "optimizer steps planned", "Compile: off (",
                           "moving average", "Done: step ", "does not reach lr"})
    EXPECT_TRUE(result.says(part)) << part << " is not in: " << result.output;

  // checkpoints/<project>/<run>, the run's name having the time
  ASSERT_EQ(std::distance(fs::directory_iterator(folder_ / "checkpoints/chat"), {}), 1);
  const fs::path run = fs::directory_iterator(folder_ / "checkpoints/chat")->path();
  EXPECT_TRUE(run.filename().string().starts_with("trm-20")) << run;
  const checkpoint::Checkpoint saved = checkpoint::load(*checkpoint::newest_whole(run));
  const StoredSettings config = settings_from_yaml(saved.config_yaml, "config");
  EXPECT_EQ(read_file(run / "all_config.yaml"), saved.config_yaml);
  EXPECT_EQ(config.data.seq_len, 32);
  EXPECT_EQ(config.data.vocab_size, Tokenizer::from_json(saved.tokenizer_json, "checkpoint").vocab_size());
  EXPECT_TRUE(config.data.pad_id && config.data.num_puzzle_identifiers);
  EXPECT_EQ(saved.notes.at("threads"), "1");
  EXPECT_TRUE(saved.arrays.contains("ema/model.inner.lm_head.weight"));

  const auto lines = metrics(fs::relative(run, folder_.path()).string());
  std::set<int64_t> steps;
  double best = 1e9;
  for (const auto& line : lines) {
    if (line.contains("all/lm_loss")) best = std::min(best, line["all/lm_loss"].get<double>());
    if (!line.contains("train/lm_loss")) continue;
    EXPECT_TRUE(steps.insert(line["step"].get<int64_t>()).second);
    for (const char* name : {"train/q_halt_loss", "train/accuracy", "train/exact_accuracy", "train/q_halt_accuracy",
                             "train/steps", "train/lr", "train/grad_norm", "train/tokens_per_second", "train/skipped"})
      EXPECT_TRUE(line.contains(name)) << name;
  }
  EXPECT_EQ(static_cast<int64_t>(steps.size()), saved.step);
  EXPECT_EQ(checkpoint::read_best(run)->metric, "lm_loss");
  EXPECT_EQ(checkpoint::read_best(run)->value, best);
}

TEST_F(Training, PuzzlesLearnAndTheBestIsKept) {
  make_puzzles();
  tiny_data(6).write(folder_ / "puzzles", "test");
  const Result result =
      run(puzzles() + Arguments{"arch.halt_max_steps=2", "epochs=120", "eval_interval=20", "lr=3e-3", "ema_rate=0.9",
                                "keep_last_n_checkpoints=2", "evaluators=[{name: arc@ARC}]"});
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_FALSE(result.says("arc@ARC")) << "no word of it where the data is not ARC";
  const auto lines = metrics();
  int evaluations = 0;
  double first = 0, last = 0, best = 0;
  for (const auto& line : lines) {
    if (line.contains("train/lm_loss")) (first == 0 ? first : last) = line["train/lm_loss"];
    if (line.contains("all/exact_accuracy"))
      ++evaluations, best = std::max(best, line["all/exact_accuracy"].get<double>());
    if (line.contains("train/count") && line["train/count"] == 0) {
      EXPECT_TRUE(line["train/accuracy"].is_null()) << line;
    }
  }
  EXPECT_EQ(evaluations, 6);
  EXPECT_LT(last, 0.5 * first);
  const auto kept = checkpoint::read_best(folder_ / "run");
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->metric, "exact_accuracy");
  EXPECT_EQ(kept->value, best);
  EXPECT_TRUE(fs::exists(checkpoint::checkpoint_name(folder_ / "run", kept->step)));
  EXPECT_LE(checkpoint::checkpoints_in(folder_ / "run").size(), 3u) << "the last two and the best";
}

TEST_F(Training, EvaluationsAtTheirIntervals) {
  make_chat(8);
  tiny_data(4).write(folder_ / "chat", "test");
  const auto evaluated = [&](const Arguments& arguments) {
    fs::remove_all(folder_ / "run");
    EXPECT_EQ(run(chat() + arguments).status, 0);
    std::vector<int64_t> steps;
    for (const auto& line : metrics())
      if (line.contains("all/lm_loss")) steps.push_back(line["step"]);
    return steps;
  };
  using Steps = std::vector<int64_t>;  // two an epoch
  EXPECT_EQ(evaluated({"epochs=6", "eval_interval=2"}), (Steps{4, 8, 12}));
  EXPECT_EQ(evaluated({"epochs=6", "eval_interval=2", "min_eval_interval=1"}), (Steps{8, 12}));
  EXPECT_EQ(evaluated({"epochs=6", "eval_interval=null"}), (Steps{12}));
  EXPECT_EQ(evaluated({"epochs=5", "eval_interval=2"}), (Steps{4, 8, 10}));
  EXPECT_EQ(evaluated({"epochs=6", "eval_interval=2", "max_steps=5"}), (Steps{4, 5}));
}

TEST_F(Training, WithoutATestSplitIsSaidOnce) {
  make_chat(8);
  const Result result = run(chat() + Arguments{"epochs=3", "eval_interval=1"});
  EXPECT_EQ(result.status, 0);
  const size_t said = result.output.find("no test split");
  EXPECT_NE(said, std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("no test split", said + 1), std::string::npos) << result.output;
  EXPECT_EQ(files("run"), (std::set<std::string>{"all_config.yaml", "metrics.jsonl", "step_6.h5", "train.log"}));
}

TEST_F(Training, CheckpointsAtTheirInterval) {
  make_chat(8);
  ASSERT_EQ(
      run(chat() + Arguments{"max_steps=9", "checkpoint_interval=2", "keep_last_n_checkpoints=3", "log_interval=3"})
          .status,
      0);
  EXPECT_EQ(files("run"), (std::set<std::string>{"all_config.yaml", "metrics.jsonl", "step_6.h5", "step_8.h5",
                                                 "step_9.h5", "train.log"}));
  EXPECT_EQ(metrics().size(), 3u);
}

TEST_F(Training, MessagesAreKeptInTheRunsFolder) {
  make_chat();
  const Arguments quiet = chat() + Arguments{"--log-level", "warning", "lr_warmup_steps=1000"};
  const Result first = run(quiet + Arguments{"max_steps=2"});
  ASSERT_EQ(first.status, 0) << first.output;
  EXPECT_FALSE(first.says("Using device")) << first.output;
  EXPECT_TRUE(first.says("does not reach lr")) << first.output;
  const auto log = [&] { return read_file(folder_ / "run/train.log"); };
  for (const char* part : {" info: Using device: cpu\n", " info: Data: ", " warning: lr_warmup_steps 1000 is not below",
                           " info: Saved run/step_2.h5", " info: Done: step 2"})
    EXPECT_NE(log().find(part), std::string::npos) << part << " is not in: " << log();
  expect_error(quiet + Arguments{"max_steps=4", "resume=auto", "lr=1e-5", "global_batch_size=8"},
               {"global_batch_size"});
  ASSERT_EQ(run(quiet + Arguments{"max_steps=4", "resume=auto"}).status, 0);
  EXPECT_NE(log().find("Resuming from run/step_2.h5", log().find("Done: step 2")), std::string::npos) << log();
}

TEST_F(Training, ADatasetSmallerThanABatchTrains) {
  make_chat(3);
  const Result result = run(chat() + Arguments{"epochs=7", "global_batch_size=4"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(fs::exists(folder_ / "run/step_5.h5")) << "floor(7 * 3 / 4)";
}

TEST_F(Training, OnlyThePuzzleTableWhereWeightsAreFrozen) {
  make_puzzles();
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=1", "checkpoint_path=first", "ema=False"}).status, 0);
  const Arguments frozen = puzzles() + Arguments{"freeze_weights=True", "load_checkpoint=first", "ema=False"};
  ASSERT_EQ(run(frozen + Arguments{"max_steps=8"}).status, 0);
  const auto before = load("first/step_1.h5"), after = load("run/step_8.h5");
  for (const auto& [name, array] : before.arrays) {
    if (!name.starts_with("model/")) continue;
    if (name == "model/model.inner.puzzle_emb.weights")
      EXPECT_FALSE(after.arrays.at(name) == array);
    else
      EXPECT_TRUE(after.arrays.at(name) == array) << name;
  }
  ASSERT_EQ(run(frozen + Arguments{"max_steps=4", "checkpoint_path=part"}).status, 0);
  ASSERT_EQ(run(frozen + Arguments{"max_steps=8", "checkpoint_path=part", "resume=auto"}).status, 0);
  expect_same_state(after, load("part/step_8.h5"));
}

TEST_F(Training, APuzzleTableOfAnotherSizeStartsFromTheMean) {
  make_puzzles();
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=4", "checkpoint_path=first"}).status, 0);
  tiny_data(30).write(folder_ / "more");
  const Result result = run(puzzles() + Arguments{"data_paths=[more]", "load_checkpoint=first", "max_steps=1"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.says("mean row")) << result.output;
}

TEST_F(Training, StepsWithoutAFiniteGradientAreSkipped) {
  make_chat();
  const Result result = run(chat() + Arguments{"lr=1e30", "lr_warmup_steps=0", "max_steps=6"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.says("skipped, because a gradient was NaN or infinite")) << result.output;
  const auto last = metrics().back();
  EXPECT_EQ(last["step"], 6);
  EXPECT_GT(last["train/skipped"].get<double>(), 0);
  EXPECT_TRUE(last["train/grad_norm"].is_null());
}

TEST_F(Training, SavesWhatAnEvaluationPredicted) {
  make_puzzles();
  tiny_data(6).write(folder_ / "puzzles", "test");
  ASSERT_EQ(
      run(puzzles() + Arguments{"max_steps=2", "eval_save_outputs=[preds, labels, logits, q_halt_logits]"}).status, 0);
  EXPECT_EQ(files("run/step_2_outputs"),
            (std::set<std::string>{"all__preds.npy", "all__labels.npy", "all__logits.npy", "all__q_halt_logits.npy"}));
  const NpyArray preds = NpyArray::open(folder_ / "run/step_2_outputs/all__preds.npy"),
                 labels = NpyArray::open(folder_ / "run/step_2_outputs/all__labels.npy");
  EXPECT_EQ(preds.shape(), (std::vector<uint64_t>{6, 8}));
  EXPECT_EQ(labels.shape(), (std::vector<uint64_t>{6, 8}));
  EXPECT_EQ(fs::file_size(folder_ / "run/step_2_outputs/all__logits.npy") % 64, (6 * 8 * 16 * 4) % 64);
  int64_t right = 0, valid = 0;
  const auto p = preds.read_all(), l = labels.read_all();
  for (size_t i = 0; i < p.size(); ++i)
    if (l[i] != -100) ++valid, right += p[i] == l[i];
  for (const auto& line : metrics())
    if (line.contains("all/accuracy")) {
      EXPECT_NEAR(line["all/accuracy"].get<double>(), static_cast<double>(right) / static_cast<double>(valid), 1e-6);
    }
}

}  // namespace
}  // namespace trm
