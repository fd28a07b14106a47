// The program as a user runs it, on tiny models.
#include <algorithm>

#include "answering/dialogue.h"
#include "model/decoder.h"
#include "runtime/checkpoint_state.h"
#include "tests/generate/tiny_checkpoints.h"

namespace trm {
namespace {

using testing::Outcome;
using testing::quoted;
using testing::TinyModel;

class Generate : public ::testing::Test {
 protected:
  Generate() { TinyModel::chat().save(file_); }
  Outcome run(const std::string& arguments, const std::string& input = "") {
    return testing::generate(folder_.path(), arguments, input);
  }
  Outcome chat(const std::string& arguments, const std::string& input = "") {
    return run("--checkpoint " + quoted(file_.string()) + " --device cpu " + arguments, input);
  }

  testing::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "run/step_7.h5";
};

/// The answer by hand: the largest logit of the window decoder, token by token.
std::string greedy(const std::filesystem::path& file, const std::string& prompt, int count) {
  const LoadedModel loaded = load_model(file, cpu_device);
  const Tokenizer& tokenizer = testing::chat_tokenizer();
  const auto decoder = make_window_decoder(*loaded.model);
  std::vector<int32_t> fed = tokenizer.encode(prompt), answer;
  for (int i = 0; i < count; ++i) {
    const auto logits = decoder->feed(fed);
    fed = {static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin())};
    answer.push_back(fed[0]);
  }
  return tokenizer.decode(answer, true);
}

TEST_F(Generate, GreedyAnswersAreTheLargestLogits) {
  const std::string expected = greedy(file_, "<|user|>hello<|enduser|><|sep|><|assistant|>", 12) + "\n";
  const Outcome run = chat("--prompt hello --temperature 0 --max-new-tokens 12");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, expected);
  EXPECT_TRUE(run.says("Using device: cpu\n")) << run.err;
  EXPECT_TRUE(run.says("step_7.h5, step 7, float32")) << run.err;
  EXPECT_TRUE(run.says("tokens/s")) << run.err;
  EXPECT_EQ(chat("--prompt hello --temperature 0 --max_new_tokens 12 --decode window").out, expected);
  EXPECT_EQ(chat("--prompt hello --temperature 0 --max-new-tokens 12 --decode incremental").out, expected);
  EXPECT_EQ(chat("--temperature 0 --max-new-tokens 12", "hello\n").out, expected);
  EXPECT_EQ(run.out, this->run("--checkpoint " + quoted((folder_ / "run").string()) +
                               " --device cpu --prompt hello --temperature 0 --max-new-tokens 12")
                         .out);
}

TEST_F(Generate, StandardInputIsOnePrompt) {
  const Outcome run = chat("--temperature 0 --max-new-tokens 5", "two\nlines");
  EXPECT_EQ(run.out, greedy(file_, "<|user|>two\nlines<|enduser|><|sep|><|assistant|>", 5) + "\n");
}

TEST_F(Generate, SystemText) {
  EXPECT_EQ(chat("--temperature 0 --max-new-tokens 5 --system 'be kind' --prompt hi").out,
            greedy(file_, "<|system|>be kind<|endsystem|><|sep|><|user|>hi<|enduser|><|sep|><|assistant|>", 5) + "\n");
}

TEST_F(Generate, SeedsRepeatAnswers) {
  const std::string arguments = "--prompt hello --temperature 1 --top-k 0 --top-p 1 --max-new-tokens 20 --seed ";
  const Outcome first = chat(arguments + "5");
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.out, chat(arguments + "5").out);
  EXPECT_EQ(first.out, chat(arguments + "5 --decode window").out);
  EXPECT_NE(first.out, chat(arguments + "6").out);
  EXPECT_TRUE(first.says("seed 5")) << first.err;
  EXPECT_EQ(chat("--prompt hello --top-k 1 --max-new-tokens 9").out,
            chat("--prompt hello --temperature 0 --max-new-tokens 9").out);
}

TEST_F(Generate, StopStringsAndNotes) {
  const std::string whole = chat("--prompt hello --temperature 0 --max-new-tokens 12").out;
  const std::string stop = whole.substr(4, 2);
  ASSERT_EQ(stop.find('\''), std::string::npos);
  EXPECT_EQ(chat("--prompt hello --temperature 0 --max-new-tokens 12 --stop " + quoted(stop)).out,
            whole.substr(0, whole.find(stop)) + "\n");
  const Outcome full = chat("--prompt hello --temperature 0 --max-new-tokens 1000");
  EXPECT_TRUE(full.says("The window of 48 tokens is full")) << full.err;
}

TEST_F(Generate, Interactive) {
  const std::string how = "--temperature 0 --max-new-tokens 4 --interactive";
  const std::string first = greedy(file_, "<|user|>hi<|enduser|><|sep|><|assistant|>", 4) + "\n";
  const Outcome run = chat(how, "hi\n\nyou\n/reset\nhi\n/quit\nnever\n");
  EXPECT_EQ(run.status, 0) << run.err;
  const Outcome window = chat(how + " --decode window", "hi\nyou\n");
  ASSERT_TRUE(window.out.starts_with(first)) << window.out;
  EXPECT_EQ(run.out, window.out + first);
  EXPECT_NE(window.out, chat(how, "hi\n/reset\nyou\n").out) << "the second answer does not depend on the first turn";
}

TEST_F(Generate, InteractiveStaysWithinTheWindow) {
  std::string lines;
  for (int i = 0; i < 6; ++i) lines += "hello " + std::to_string(i) + "\n";
  const Outcome run =
      chat("--temperature 0 --max-new-tokens 8 --interactive", lines + std::string(60, 'z') + "\nhello 5\n");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n') >= 7, true) << run.out;
  EXPECT_TRUE(run.says("no longer fit the window of 48 tokens")) << run.err;
  EXPECT_TRUE(run.says("error: the prompt does not fit the model's window")) << run.err;
  EXPECT_FALSE(run.says("is full")) << run.err;
}

TEST_F(Generate, WithoutMarkersTheTextGoesOn) {
  TinyModel tiny = TinyModel::chat();
  const Tokenizer characters = Tokenizer::characters({"abcdefgh"});
  tiny.tokenizer_json = characters.to_json();
  tiny.data.vocab_size = characters.vocab_size();
  tiny.data.pad_id = 0;
  tiny.save(file_);
  const Outcome run = chat("--prompt abc --temperature 0 --max-new-tokens 5");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, chat("--prompt abc --temperature 0 --max-new-tokens 5 --decode window").out);
  EXPECT_TRUE(chat("--prompt abc --system x").says("error: --system needs a tokenizer with the markers"));
  EXPECT_TRUE(chat("--prompt " + std::string(60, 'a')).says("first 36 tokens are left out"));
}

TEST_F(Generate, TheMovingAverageIsUsedWhereThereIsOne) {
  const std::string arguments = "--prompt hello --temperature 0 --max-new-tokens 8";
  const std::string plain = chat(arguments).out;
  TinyModel other = TinyModel::chat();
  other.seed = 11;
  other.save(file_, TinyModel::chat().seed);
  const Outcome run = chat(arguments);
  EXPECT_EQ(run.out, plain);
  EXPECT_TRUE(run.says("ema")) << run.err;
  other.save(file_);
  EXPECT_NE(chat(arguments).out, plain);
}

TEST_F(Generate, AModelThatSeesTheFutureUsesItsWindow) {
  TinyModel tiny = TinyModel::chat();
  tiny.settings.arch.causal = false;
  tiny.save(file_);
  const Outcome run = chat("--prompt hello --temperature 0 --max-new-tokens 4");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(run.says("not causal")) << run.err;
  const Outcome asked = chat("--prompt hello --decode incremental");
  EXPECT_EQ(asked.status, 1);
  EXPECT_TRUE(asked.says("error: --decode incremental needs a causal model")) << asked.err;
}

TEST_F(Generate, Precision) {
  const Outcome run = chat("--prompt hello --temperature 0 --max-new-tokens 4 --dtype bfloat16");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(run.says("step 7, bfloat16") || run.says("running in float32")) << run.err;
}

TEST_F(Generate, SolvesPuzzles) {
  TinyModel::sudoku().save(file_);
  const std::string puzzle = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
  const Outcome run = chat("--puzzle " + quoted(puzzle));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out.size(), 82u) << run.out;
  EXPECT_TRUE(run.says("not confident (q_halt -5.000")) << run.err;  // as at the start of training
  EXPECT_TRUE(run.says("after 2 supervision steps")) << run.err;
  std::string lines, expected;
  for (size_t i = 0; i < 81; i += 9) {
    lines += puzzle.substr(i, 9) + "\n";
    expected += run.out.substr(i, 9) + "\n";
  }
  testing::write_file(folder_ / "puzzle.txt", lines);
  EXPECT_EQ(chat("--puzzle " + quoted((folder_ / "puzzle.txt").string())).out, expected);
  EXPECT_EQ(chat("--puzzle - --puzzle-id 2", lines).out, expected);
}

TEST_F(Generate, ReportsTheOps) {
  const Outcome run =
      chat("--prompt hello --max-new-tokens 3 --op-report=json:" + quoted((folder_ / "ops.json").string()));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(testing::read_file(folder_ / "ops.json").find("\"calls\""), std::string::npos);
  EXPECT_TRUE(chat("--prompt hello --max-new-tokens 3 --op-report").says("fallback calls"));
  EXPECT_EQ(chat("--prompt hello --max-new-tokens 3 --fallback off").status, 0) << "nothing falls back on the cpu";
  const Outcome wrong = this->run("--op-report --fallback only:atention");
  EXPECT_EQ(wrong.status, 1);
  EXPECT_TRUE(wrong.says("did you mean attention?")) << wrong.err;
  EXPECT_NE(this->run("--op-report").out.find("native"), std::string::npos);
}

TEST_F(Generate, OtherThings) {
  EXPECT_NE(run("--help").out.find("Examples:"), std::string::npos);
  EXPECT_NE(run("--list-devices").out.find("cpu"), std::string::npos);
  ::setenv("TRM_DEVICE", "cpu", 1);
  const Outcome detected = run("--checkpoint " + quoted(file_.string()) + " --prompt hi --max-new-tokens 1");
  ::unsetenv("TRM_DEVICE");
  EXPECT_TRUE(detected.says("Auto-detected device: cpu\n")) << detected.err;
}

}  // namespace
}  // namespace trm
