#include "data/chat.h"

#include <gtest/gtest.h>

#include <sstream>

#include "data/dataset.h"
#include "data/error.h"
#include "data/split_writer.h"
#include "tests/data/folders.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
using testing::write_file;

class ChatBuilder : public ::testing::Test {
 protected:
  void SetUp() override {
    build_.input_files = {folder_ / "c.json"};
    build_.output_dir = folder_ / "d";
    build_.max_length = 16;
    build_.tokens.vocab_size = 300;
  }
  void input(const std::string& text) { write_file(folder_ / "c.json", text); }
  void input_alpaca(int n) {
    std::string text;
    for (int i = 0; i < n; ++i) {
      text += (i ? ",\n" : "") + std::string(R"({"instruction": "q)") + std::to_string(i) + R"(", "output": "a"})";
    }
    input("[" + text + "]");
  }
  std::string run() {
    std::ostringstream log;
    build_chat(build_, log);
    return log.str();
  }
  Dataset open(const std::string& split = "train") { return Dataset::open({folder_ / "d"}, split); }
  Tokenizer tokenizer() { return Tokenizer::load(folder_ / "d" / "tokenizer"); }
  std::vector<int32_t> row(const Dataset& dataset, uint64_t example, bool labels) {
    std::vector<int32_t> a(static_cast<size_t>(dataset.metadata().seq_len)), b(a.size());
    dataset.sets().front().read_example(example, a, b);
    return labels ? b : a;
  }
  std::string inputs_text(const Dataset& dataset, uint64_t example) {
    return tokenizer().decode(row(dataset, example, false));
  }

  testing::TemporaryFolder folder_;
  ChatBuild build_;
};

TEST_F(ChatBuilder, TokenByToken) {
  input(R"([{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "yz"}]}])");
  run();
  const Dataset dataset = open();
  const Tokenizer t = tokenizer();
  const auto id = [&](const char* token) { return t.token_id(token).value(); };
  const int32_t pad = id(markers::kPad);
  EXPECT_EQ(dataset.metadata().pad_id, pad);
  EXPECT_EQ(dataset.metadata().vocab_size, t.vocab_size());
  const std::vector<int32_t> tokens = {id(markers::kUser),
                                       id("x"),
                                       id(markers::kEndUser),
                                       id(markers::kSep),
                                       id(markers::kAssistant),
                                       id("y"),
                                       id("z"),
                                       id(markers::kEndAssistant),
                                       id(markers::kEndOfText)};
  std::vector<int32_t> inputs(tokens.begin(), tokens.end() - 1), labels(tokens.begin() + 1, tokens.end());
  inputs.resize(16, pad);
  labels.resize(16, -100);
  EXPECT_EQ(row(dataset, 0, false), inputs);
  EXPECT_EQ(row(dataset, 0, true), labels);
  EXPECT_FALSE(fs::exists(folder_ / "d" / "test"));
}

TEST_F(ChatBuilder, LossOnAssistant) {
  input(R"([{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "yz"}]}])");
  build_.loss_on = LossOn::kAssistant;
  run();
  const Tokenizer t = tokenizer();
  std::vector<int32_t> labels(16, -100);
  labels[4] = t.token_id("y").value();
  labels[5] = t.token_id("z").value();
  labels[6] = t.token_id(markers::kEndAssistant).value();
  EXPECT_EQ(row(open(), 0, true), labels);
}

TEST_F(ChatBuilder, MarkersInATurnAreReadAsMarkers) {
  input(R"([{"instruction": "a<|sep|>b", "output": "c"}])");
  run();
  const int32_t sep = tokenizer().token_id(markers::kSep).value();
  EXPECT_EQ(row(open(), 0, false)[2], sep);
}

TEST_F(ChatBuilder, LongConversationsAreCutAndKeepAPad) {
  input(R"([{"instruction": "abcdefghijklmnopqrstuvwxyz", "output": "c"}])");
  const std::string log = run();
  EXPECT_NE(log.find("100.0 % cut"), std::string::npos) << log;
  const auto inputs = row(open(), 0, false), labels = row(open(), 0, true);
  EXPECT_EQ(inputs.back(), open().metadata().pad_id);
  EXPECT_EQ(labels.back(), -100);
  EXPECT_EQ(std::count(inputs.begin(), inputs.end(), inputs.back()), 1);
}

TEST_F(ChatBuilder, FirstShareIsTrainInFileOrder) {
  input_alpaca(10);
  build_.train_split = 0.75;
  run();
  const Dataset train = open(), test = open("test");
  EXPECT_EQ(train.examples(), 7u);
  EXPECT_EQ(test.examples(), 3u);
  for (uint64_t i = 0; i < 7; ++i) EXPECT_TRUE(inputs_text(train, i).starts_with("<|user|>q" + std::to_string(i)));
  EXPECT_TRUE(inputs_text(test, 0).starts_with("<|user|>q7"));
  for (const Dataset* split : {&train, &test}) {
    const auto n = static_cast<int64_t>(split->examples());
    EXPECT_EQ(split->metadata().num_puzzle_identifiers, n + 1);
    EXPECT_EQ(split->metadata().total_groups, n);
    EXPECT_EQ(split->metadata().total_puzzles, n);
    EXPECT_EQ(split->metadata().ignore_label_id, -100);
    EXPECT_EQ(split->metadata().sets, std::vector<std::string>{"all"});
    for (int32_t i = 0; i < n; ++i) EXPECT_EQ(split->sets()[0].puzzle_identifiers[static_cast<size_t>(i)], i);
  }
  EXPECT_EQ(testing::read_file(folder_ / "d" / "identifiers.json"),
            R"(["alpaca_0","alpaca_1","alpaca_2","alpaca_3","alpaca_4","alpaca_5","alpaca_6"])"
            "\n");
}

TEST_F(ChatBuilder, OnlySubsamplingShuffles) {
  input_alpaca(50);
  const auto names = [&](uint64_t seed, std::optional<uint64_t> size) {
    build_.seed = seed;
    build_.subsample_size = size;
    build_.force = true;
    run();
    return testing::read_file(folder_ / "d" / "identifiers.json");
  };
  const std::string first = names(1, 20);
  EXPECT_EQ(open().examples() + open("test").examples(), 20u);
  EXPECT_EQ(first, names(1, 20));
  EXPECT_NE(first, names(2, 20));
  EXPECT_EQ(names(1, std::nullopt), names(2, 1000));
}

TEST_F(ChatBuilder, SystemTurnsAreKeptUnlessDropped) {
  input(R"([{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]},
            {"messages": [{"role": "system", "content": "s"}]}])");
  build_.train_split = 1;
  run();
  EXPECT_EQ(open().examples(), 2u);
  EXPECT_TRUE(inputs_text(open(), 0).starts_with("<|system|>s<|endsystem|><|sep|><|user|>u"));
  build_.keep_system = false;
  build_.force = true;
  const std::string log = run();
  EXPECT_EQ(open().examples(), 1u);
  EXPECT_TRUE(inputs_text(open(), 0).starts_with("<|user|>u<|enduser|>"));
  EXPECT_NE(log.find("1 dropped"), std::string::npos) << log;
}

TEST_F(ChatBuilder, NothingToLearnIsAnError) {
  input(R"([{"messages": [{"role": "user", "content": "u"}]}])");
  build_.loss_on = LossOn::kAssistant;
  EXPECT_ERROR_WITH(run(), "nothing in the 1 training conversations", "--max-length 16");
}

TEST_F(ChatBuilder, AGivenTokenizerGetsTheMarkersItLacks) {
  Tokenizer::train({"abc"}, 256, {}).save(folder_ / "t");
  input(R"([{"instruction": "a", "output": "b"}])");
  build_.tokens.tokenizer = folder_ / "t";
  run();
  const Tokenizer t = tokenizer();
  EXPECT_EQ(t.vocab_size(), 266);
  const char* order[] = {markers::kPad,       markers::kStartOfText, markers::kSep,          markers::kUser,
                         markers::kEndUser,   markers::kAssistant,   markers::kEndAssistant, markers::kSystem,
                         markers::kEndSystem, markers::kEndOfText};
  for (int32_t i = 0; i < 10; ++i) EXPECT_EQ(t.token_id(order[i]), 256 + i);
  build_.tokens.tokenizer = folder_ / "d" / "tokenizer";  // has them all
  build_.output_dir = folder_ / "e";
  run();
  EXPECT_EQ(Dataset::open({folder_ / "d", folder_ / "e"}, "train").examples(), 2u);
}

TEST_F(ChatBuilder, AFailedBuildChangesNothing) {
  input_alpaca(4);
  run();
  const std::string before = testing::read_file(folder_ / "d" / "train" / "all__inputs.npy");
  EXPECT_ERROR_WITH(run(), "already holds a dataset", "--force");
  input("[{\"instruction\": \"a\", \"output\": \"b\"},\n{]");
  build_.force = true;
  EXPECT_ERROR_WITH(run(), "line 2");
  EXPECT_EQ(testing::read_file(folder_ / "d" / "train" / "all__inputs.npy"), before);
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder_.path())) count += !entry.path().empty();
  EXPECT_EQ(count, 2u) << "a temporary folder was left";
}

TEST_F(ChatBuilder, ImpossibleOptionsAreRefused) {
  input_alpaca(4);
  const auto expect = [&](auto change, const std::string& part) {
    ChatBuild kept = build_;
    change(build_);
    EXPECT_ERROR_WITH(run(), part);
    build_ = kept;
  };
  expect([](ChatBuild& b) { b.max_length = 1; }, "--max-length is 1");
  expect([](ChatBuild& b) { b.train_split = 0; }, "--train-split is 0");
  expect([](ChatBuild& b) { b.train_split = 1.5; }, "--train-split is 1.5");
  expect([](ChatBuild& b) { b.subsample_size = 0; }, "--subsample-size is 0");
  expect([](ChatBuild& b) { b.input_files.clear(); }, "--input-file");
  EXPECT_FALSE(fs::exists(folder_ / "d"));
}

TEST(TrainCount, FirstShare) {
  EXPECT_EQ(train_count(100, 0.95), 95u);
  EXPECT_EQ(train_count(5, 0.95), 4u);
  EXPECT_EQ(train_count(1, 0.95), 1u);
  EXPECT_EQ(train_count(7, 1.0), 7u);
  EXPECT_THROW(train_count(7, -1), DataError);
}

}  // namespace
}  // namespace trm
