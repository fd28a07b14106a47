#include "data/text.h"

#include <gtest/gtest.h>

#include <sstream>

#include "data/dataset.h"
#include "tests/data/folders.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

using testing::write_file;

class TextBuilder : public ::testing::Test {
 protected:
  void SetUp() override {
    build_.input_files = {folder_ / "t.txt"};
    build_.output_dir = folder_ / "d";
    build_.max_length = 3;
    build_.tokens.characters = true;
  }
  std::string run() {
    std::ostringstream log;
    build_text(build_, log);
    return log.str();
  }
  /// Inputs and labels of each window as text.
  std::vector<std::string> windows(const std::string& split) {
    const Dataset dataset = Dataset::open({folder_ / "d"}, split);
    const Tokenizer tokenizer = Tokenizer::load(folder_ / "d" / "tokenizer");
    std::vector<std::string> result;
    std::vector<int32_t> inputs(static_cast<size_t>(dataset.metadata().seq_len)), labels(inputs.size());
    for (uint64_t i = 0; i < dataset.examples(); ++i) {
      dataset.sets()[0].read_example(i, inputs, labels);
      result.push_back(tokenizer.decode(inputs) + "|" + tokenizer.decode(labels));
    }
    return result;
  }
  testing::TemporaryFolder folder_;
  TextBuild build_;
};

TEST_F(TextBuilder, DisjointWindowsAndTheRemainderDropped) {
  write_file(folder_ / "t.txt", "abcdefghijklmnopqrst");  // 20: 14 to train, 6 to test
  build_.train_split = 0.7;
  run();
  EXPECT_EQ(windows("train"), (std::vector<std::string>{"abc|bcd", "def|efg", "ghi|hij", "jkl|klm"}));
  EXPECT_EQ(windows("test"), (std::vector<std::string>{"opq|pqr"}));
  const Dataset dataset = Dataset::open({folder_ / "d"}, "train");
  EXPECT_EQ(dataset.metadata().num_puzzle_identifiers, 1);
  EXPECT_EQ(dataset.max_puzzle_identifier(), 0);
  EXPECT_EQ(dataset.metadata().total_groups, 4);
}

TEST_F(TextBuilder, ExactlyOneWindowNeedsOneTokenMore) {
  build_.train_split = 1;
  write_file(folder_ / "t.txt", "abcd");
  run();
  EXPECT_EQ(windows("train"), (std::vector<std::string>{"abc|bcd"}));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "d" / "test"));
  write_file(folder_ / "t.txt", "abc");
  build_.force = true;
  EXPECT_ERROR_WITH(run(), "has 3 tokens", "at least 4");
}

TEST_F(TextBuilder, CharactersAreOneTokenEach) {
  build_.train_split = 1;
  write_file(folder_ / "t.txt", "äöü€あ…x");
  run();
  EXPECT_EQ(windows("train"), (std::vector<std::string>{"äöü|öü€", "€あ…|あ…x"}));
}

TEST_F(TextBuilder, SeveralFilesAreSeparated) {
  build_.train_split = 1;
  write_file(folder_ / "t.txt", "abc");
  write_file(folder_ / "u.txt", "def");
  build_.input_files.push_back(folder_ / "u.txt");
  run();
  EXPECT_EQ(windows("train"), (std::vector<std::string>{"abc|bc<|endoftext|>", "<|endoftext|>de|def"}));
}

TEST_F(TextBuilder, LearnedAndGivenTokenizers) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "the cat sat on the mat. ";
  write_file(folder_ / "t.txt", text);
  build_.tokens = {};
  build_.tokens.vocab_size = 280;
  build_.max_length = 8;
  run();
  const Dataset learned = Dataset::open({folder_ / "d"}, "train");
  EXPECT_LE(learned.metadata().vocab_size, 280);
  EXPECT_LT(learned.examples() * 8, text.size() / 2) << "nothing was merged";
  build_.tokens.tokenizer = folder_ / "d" / "tokenizer";
  build_.output_dir = folder_ / "e";
  run();
  EXPECT_EQ(Dataset::open({folder_ / "d", folder_ / "e"}, "train").sets().size(), 2u);
}

TEST_F(TextBuilder, ByteOrderMarksAreNoText) {
  build_.train_split = 1;
  for (const std::string& bytes : {std::string("abcd"),
                                   std::string("\xef\xbb\xbf"
                                               "abcd"),
                                   std::string("\xff\xfe"
                                               "a\0b\0c\0d\0",
                                               10)}) {
    write_file(folder_ / "t.txt", bytes);
    build_.force = true;
    run();
    EXPECT_EQ(windows("train"), (std::vector<std::string>{"abc|bcd"}));
  }
}

TEST_F(TextBuilder, BadInput) {
  EXPECT_ERROR_WITH(run(), "t.txt", "No such file");
  write_file(folder_ / "t.txt", "latin caf\xe9");
  EXPECT_ERROR_WITH(run(), "t.txt", "line 1, column 10", "\\xE9", "UTF-8");
  write_file(folder_ / "t.txt", std::string("h\0e\0l\0l\0o\0 \0w\0", 14));
  EXPECT_ERROR_WITH(run(), "t.txt", "UTF-16", "save it as UTF-8");
  write_file(folder_ / "t.txt", "%PDF-1.7");
  EXPECT_ERROR_WITH(run(), "t.txt", "PDF");
  write_file(folder_ / "t.txt", "");
  EXPECT_ERROR_WITH(run(), "t.txt", "is empty");
  build_.max_length = 0;
  EXPECT_ERROR_WITH(run(), "--max-length is 0");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "d"));
}

}  // namespace
}  // namespace trm
