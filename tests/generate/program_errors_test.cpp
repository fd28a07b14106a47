// What the program says when it cannot answer: exit status 1, nothing on standard output.
#include "checkpoint/checkpoint.h"
#include "tests/generate/tiny_checkpoints.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

using testing::Outcome;
using testing::quoted;
using testing::TinyModel;

class GenerateErrors : public ::testing::Test {
 protected:
  GenerateErrors() { TinyModel::chat().save(file_); }
  void expect_error(const std::string& arguments, const std::vector<std::string>& parts,
                    const std::string& input = "") {
    const Outcome run = testing::generate(folder_.path(), arguments, input);
    EXPECT_EQ(run.status, 1) << arguments << run.err;
    EXPECT_EQ(run.out, "") << arguments;
    EXPECT_TRUE(run.says("error: ")) << run.err;
    for (const std::string& part : parts) EXPECT_TRUE(run.says(part)) << "no '" << part << "' in: " << run.err;
  }
  std::string with_checkpoint(const std::string& arguments) {
    return "--checkpoint " + quoted(file_.string()) + " --device cpu " + arguments;
  }

  testing::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "run/step_7.h5";
};

TEST_F(GenerateErrors, Checkpoints) {
  expect_error("--prompt hi", {"no checkpoint given", "--checkpoint"});
  expect_error("--checkpoint nowhere --device cpu --prompt hi", {"no such checkpoint: 'nowhere'"});
  std::filesystem::create_directories(folder_ / "empty");
  expect_error("--checkpoint " + quoted((folder_ / "empty").string()) + " --device cpu --prompt hi",
               {"no whole checkpoint", "empty"});

  const std::string whole = testing::read_file(file_);
  testing::write_file(file_, whole.substr(0, whole.size() / 2));
  expect_error(with_checkpoint("--prompt hi"), {"step_7.h5"});
  std::string damaged = whole;
  damaged[whole.size() / 2] ^= 0x40;
  testing::write_file(file_, damaged);
  expect_error(with_checkpoint("--prompt hi"), {"step_7.h5"});
  testing::write_file(file_, "not a checkpoint at all");
  expect_error(with_checkpoint("--prompt hi"), {"step_7.h5"});
  testing::write_file(file_, "");
  expect_error(with_checkpoint("--prompt hi"), {"step_7.h5"});
}

TEST_F(GenerateErrors, WeightsThatDoNotFitTheConfiguration) {
  auto stored = checkpoint::load(file_);
  stored.arrays.erase("model/model.inner.lm_head.weight");
  checkpoint::save(stored, file_);
  expect_error(with_checkpoint("--prompt hi"), {"step_7.h5", "lm_head"});
}

TEST_F(GenerateErrors, Tokenizers) {
  Tokenizer::characters({"abc"}).save(folder_ / "other");
  expect_error(with_checkpoint("--prompt hi --tokenizer " + quoted((folder_ / "other").string())),
               {"other' has 256 tokens", "trained with " + std::to_string(testing::chat_tokenizer().vocab_size())});
  expect_error(with_checkpoint("--prompt hi --tokenizer nowhere"), {"nowhere"});
  TinyModel tiny = TinyModel::chat();
  tiny.tokenizer_json = Tokenizer::characters({"abc"}).to_json();
  tiny.save(file_);
  const Outcome padded = testing::generate(folder_.path(), with_checkpoint("--prompt hi --max-new-tokens 2"));
  EXPECT_EQ(padded.status, 0) << padded.err;
  EXPECT_TRUE(padded.says("ids from 256 on are padding")) << padded.err;
  tiny.tokenizer_json =
      Tokenizer::train({"other words, other tokens, of the same number"}, tiny.data.vocab_size.value(), markers::all())
          .to_json();
  tiny.save(file_);
  testing::chat_tokenizer().save(folder_ / "same-size");
  expect_error(with_checkpoint("--prompt hi --tokenizer " + quoted((folder_ / "same-size").string())),
               {"same-size' is not that of '", "step_7.h5", "leave --tokenizer out"});
  tiny.tokenizer_json.clear();
  tiny.save(file_);
  expect_error(with_checkpoint("--prompt hi"), {"holds no tokenizer", "--tokenizer"});
  testing::chat_tokenizer().save(folder_ / "right");
  EXPECT_EQ(testing::generate(folder_.path(), with_checkpoint("--prompt hi --max-new-tokens 2 --tokenizer " +
                                                              quoted((folder_ / "right").string())))
                .status,
            0);
}

TEST_F(GenerateErrors, Prompts) {
  expect_error(with_checkpoint(""), {"the prompt is empty"});
  expect_error(with_checkpoint(""), {"the prompt is empty"}, "\n");
  expect_error(with_checkpoint("--prompt ''"), {"--prompt is empty"});
  expect_error(with_checkpoint("--prompt " + std::string(60, 'z')), {"does not fit", "64 tokens", "48"});
  expect_error(with_checkpoint("--prompt hi --system " + std::string(60, 'z')), {"does not fit", "system text"});
  const Outcome bytes = testing::generate(folder_.path(), with_checkpoint("--max-new-tokens 2"), "a\xff\xfe\xc3");
  EXPECT_EQ(bytes.status, 0) << bytes.err;
}

TEST_F(GenerateErrors, Options) {
  expect_error(with_checkpoint("--prompt hi --temperature -1"), {"--temperature", "'-1'", "at least 0"});
  expect_error(with_checkpoint("--prompt hi --max_new_tokens -5"), {"--max-new-tokens", "'-5'"});
  expect_error(with_checkpoint("--prompt hi --temprature 1"), {"--temprature", "did you mean --temperature?"});
  expect_error("--checkpoint " + quoted(file_.string()) + " --prompt hi --device tpu", {"tpu"});
  expect_error("--checkpoint " + quoted(file_.string()) + " --prompt hi --device cuda:99", {"cuda:99", "cpu"});
}

TEST_F(GenerateErrors, PuzzlesAndPromptsAreToldApart) {
  expect_error(with_checkpoint("--puzzle 123"), {"--puzzle cannot be used here", "language model", "--prompt TEXT"});
  TinyModel::sudoku().save(file_);
  expect_error(with_checkpoint("--prompt hi --top-k 3"),
               {"--prompt and --top-k cannot be used here", "sudoku", "--puzzle FILE|TEXT"});
  expect_error(with_checkpoint("--interactive"), {"--interactive cannot be used here", "--puzzle"});
  expect_error(with_checkpoint(""), {"no puzzle given", "sudoku", "--puzzle"}, "hello");
  expect_error(with_checkpoint("--puzzle 123"), {"'123' (there is no such file", "3 characters", "81 are needed"});
  expect_error(with_checkpoint("--puzzle " + std::string(81, '.') + " --puzzle-id 3"),
               {"--puzzle-id", "0 to 2", "'3'"});
  testing::write_file(folder_ / "p.txt", std::string(40, '1') + "x" + std::string(40, '1'));
  expect_error(with_checkpoint("--puzzle " + quoted((folder_ / "p.txt").string())),
               {"p.txt', line 1, character 41", "'x'"});
  expect_error(with_checkpoint("--puzzle " + quoted(folder_.path().string())), {folder_.path().string()});
}

TEST_F(GenerateErrors, AFullDisk) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const Outcome run =
      testing::generate(folder_.path(), with_checkpoint("--prompt hi --max-new-tokens 3 > /dev/full 2> " +
                                                        quoted((folder_ / "said").string()) + "; exit $? #"));
  EXPECT_EQ(run.status, 1);
  EXPECT_NE(testing::read_file(folder_ / "said").find("standard output"), std::string::npos);
}

}  // namespace
}  // namespace trm
