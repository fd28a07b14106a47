// The program as a user runs it.
#include "tests/build_dataset/program.h"

#include "data/loader.h"
#include "tokenizer/tokenizer.h"

namespace trm {
namespace {

using namespace testing;

class BuildDataset : public BuildDatasetTest {};

TEST_F(BuildDataset, HelpShowsAnExample) {
  for (const char* arguments : {"--help", "chat --help", "text --help", "chat -h"}) {
    const Result result = build_dataset(arguments);
    EXPECT_EQ(result.status, 0) << arguments;
    EXPECT_TRUE(result.says("Example:")) << result.output;
    EXPECT_TRUE(result.says("--output-dir")) << result.output;
    EXPECT_TRUE(result.says("--input-file")) << result.output;
  }
}

TEST_F(BuildDataset, WrongCommandLinesAreNamed) {
  write_file(folder_ / "c.json", R"([{"instruction": "a", "output": "b"}])");
  const std::string chat = "chat --input-file " + quoted(folder_ / "c.json") + output();
  expect_error("", {"chat", "text"});
  expect_error("poetry", {"'poetry'", "chat", "text"});
  expect_error(chat + "--max_lenght=5", {"unknown option --max_lenght (did you mean --max-length?)", "chat --help"});
  expect_error(chat + "--characters", {"unknown option --characters", "chat --help"});
  expect_error(chat + "--lenght 5", {"unknown option --lenght", "chat --help"});
  expect_error("chat" + output(), {"--input-file is missing"});
  expect_error("chat --input-file x", {"--output-dir is missing"});
  expect_error(chat + "--max-length long", {"--max-length is 'long'"});
  expect_error(chat + "--max-length 1", {"--max-length is '1'"});
  expect_error(chat + "--max-length 5x", {"--max-length is '5x'"});
  expect_error(chat + "--train-split 95", {"--train-split is '95'", "at most 1"});
  expect_error(chat + "--seed -1", {"--seed is '-1'"});
  expect_error(chat + "--format vicuna", {"'vicuna'", "sharegpt"});
  expect_error(chat + "--loss-on user", {"--loss-on", "'user'"});
  expect_error(chat + "--vocab-size 400 --tokenizer x", {"--vocab-size", "--tokenizer"});
  expect_error(chat + "--tokenizer gpt2", {"gpt2", "merges.txt"});
  expect_error(chat + "--max-length", {"max-length"});
  expect_error("text --characters --vocab-size 300 --input-file x" + output(), {"--characters and --vocab-size"});
  EXPECT_FALSE(fs::exists(folder_ / "d"));
}

TEST_F(BuildDataset, ArgumentsOfAnyLengthAndKind) {
  write_file(folder_ / "c.json", R"([{"instruction": "a", "output": "b"}])");
  const std::string longest(60000, 'x'), chat = "chat --input-file " + quoted(folder_ / "c.json") + " ";
  for (const std::string option : {"--output-dir=", "--nonsense=", "--force=", "-x", "--output-dir=o --tokenizer="}) {
    const Result result = build_dataset(chat + option + longest);
    EXPECT_EQ(result.status, 1) << option;
    EXPECT_TRUE(result.says("error: ")) << option;
    EXPECT_LT(result.output.size(), 3000u) << option;
  }
  EXPECT_EQ(build_dataset(chat + "--train-split 1 '--output-dir=" + (folder_ / "a\nb").string() + "'").status, 0);
  EXPECT_TRUE(fs::exists(folder_ / "a\nb" / "train"));
}

TEST_F(BuildDataset, MessagesAreUtf8WithoutControlCharacters) {
  write_file(folder_ / "c\x1b[31m\xe9.json", R"([{"messages": [{"role": "\u001b[2J", "content": "x"}]}])");
  const Result result = build_dataset("chat --input-file " + quoted(folder_ / "c\x1b[31m\xe9.json") + output());
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(result.says("\\x1B[31m\\xE9.json") && result.says("'\\x1B[2J'")) << result.output;
  EXPECT_EQ(result.output.find('\x1b'), std::string::npos);
}

TEST_F(BuildDataset, SignalsLeaveNothingBehind) {
  for (const char* signal : {"TERM", "HUP"}) {
    // A pipe that nobody fills, so that there is time.
    const std::string program = quoted(testing::bin_dir() / "build_dataset");
    const std::string command =
        "cd " + quoted(folder_.path()) + "; mkfifo in.json; exec 3<>in.json; " + program +
        " chat --input-file in.json --output-dir a/data & p=$!; for i in $(seq 200); do [ -d a ] && "
        "break; sleep 0.05; done; kill -" +
        signal + " $p; wait $p; s=$?; rm in.json; ls -A; exit $s";
    FILE* pipe = ::popen(("bash -c '" + command + "' 2>&1").c_str(), "r");
    std::string said;
    char piece[4096];
    while (const size_t count = std::fread(piece, 1, sizeof(piece), pipe)) said.append(piece, count);
    const int status = ::pclose(pipe);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) > 128) << said;
    EXPECT_NE(said.find("nothing was written"), std::string::npos) << said;
    EXPECT_EQ(folder_.entries(), 0u) << said;
  }
}

TEST_F(BuildDataset, SeveralInputFilesWithOddNames) {
  write_file(folder_ / "a, b.json", R"([{"instruction": "a", "output": "b"}])");
  write_file(folder_ / "c d.jsonl",
             "{\"instruction\": \"c\", \"output\": \"d\"}\n{\"instruction\": \"e\", \"output\": \"f\"}\n");
  const std::string files = quoted(folder_ / "a, b.json") + " " + quoted(folder_ / "c d.jsonl");
  const Result result = build_dataset("chat --input-file " + files + output() + "--train-split 1 --max-length 32");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").examples(), 3u);
  const Result again = build_dataset("chat " + output() + " --force --input-file " + files);
  EXPECT_EQ(again.status, 0) << again.output;
}

TEST_F(BuildDataset, RealAlpacaWithGpt2) {
  TRM_REQUIRE_SHARED("data/chat/gpteacher_alpaca.json");
  TRM_REQUIRE_SHARED("data/tokenizer/gpt2/merges.txt");
  const Result result = build_dataset("chat --format alpaca --max-length 512 --input-file " +
                                      quoted(shared_dir() / "data/chat/gpteacher_alpaca.json") + output() +
                                      "--tokenizer " + quoted(shared_dir() / "data/tokenizer/gpt2"));
  ASSERT_EQ(result.status, 0) << result.output;
  const auto train = std::make_shared<const Dataset>(Dataset::open({folder_ / "d"}, "train"));
  const Dataset test = Dataset::open({folder_ / "d"}, "test");
  EXPECT_EQ(train->examples() + test.examples(), 6458u);
  EXPECT_EQ(train->examples(), 6135u);
  EXPECT_EQ(train->metadata().vocab_size, 50266);
  EXPECT_EQ(train->metadata().pad_id, 50257);

  const Tokenizer tokenizer = Tokenizer::load(*train->tokenizer_folder());
  LoaderOptions options;
  options.batch_size = 8;
  options.num_workers = 2;
  Loader loader = Loader::evaluation(train, options);
  const Batch batch = loader.next().value();
  const std::string text = tokenizer.decode(batch.input_row(0));
  EXPECT_TRUE(
      text.starts_with("<|user|>Write a C++ program that calculates the area of a rectangle, given its width and "
                       "height.\n\nwidth: 5, height: 8<|enduser|><|sep|><|assistant|>#include <iostream>"))
      << text;
  EXPECT_EQ(batch.input_row(0)[0], 50260);  // <|user|>
  EXPECT_EQ(batch.label_row(0)[0], batch.input_row(0)[1]);
  Loader epoch = Loader::training(train, DatasetType::kChat, 0, 1, options);
  size_t batches = 0;
  while (epoch.next()) ++batches;
  EXPECT_EQ(batches, 6135u / 8);
}

TEST_F(BuildDataset, RealShareGptWithALearnedTokenizer) {
  TRM_REQUIRE_SHARED("data/chat/sharegpt_dummy.json");
  const Result result =
      build_dataset("chat --format sharegpt --max-length 128 --vocab-size 400 --loss-on assistant --input-file " +
                    quoted(shared_dir() / "data/chat/sharegpt_dummy.json") + output());
  ASSERT_EQ(result.status, 0) << result.output;
  const Dataset train = Dataset::open({folder_ / "d"}, "train");
  EXPECT_EQ(train.examples(), 475u);
  EXPECT_LE(train.metadata().vocab_size, 400);
}

TEST_F(BuildDataset, RealTextByCharacters) {
  TRM_REQUIRE_SHARED("data/text/tinyshakespeare.txt");
  const Result result = build_dataset("text --characters --input-file " +
                                      quoted(shared_dir() / "data/text/tinyshakespeare.txt") + output());
  ASSERT_EQ(result.status, 0) << result.output;
  // 1,115,394 characters: 1,003,854 to train, 111,540 to test.
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").examples(), 1003853u / 256);
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "test").examples(), 111539u / 256);
}

}  // namespace
}  // namespace trm
