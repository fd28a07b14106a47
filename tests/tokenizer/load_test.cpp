#include <fstream>

#include "tests/temporary_folder.h"
#include "tests/tokenizer/small.h"
#include "tokenizer/markers.h"

using namespace trm;
using namespace trm::testing;

namespace fs = std::filesystem;

class Load : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  // vocab.json and merges.txt of the small tokenizer.
  void write_pair(const std::string& extra_merge = "") {
    const auto model = small_json()["model"];
    Json vocab = model["vocab"];
    vocab["<|endoftext|>"] = vocab.size();
    write("vocab.json", vocab.dump());
    std::string merges = "#version: 0.2\n";
    for (const auto& merge : model["merges"]) merges += merge.get<std::string>() + "\r\n";
    write("merges.txt", merges + extra_merge);
  }

  std::string load_error(const fs::path& path) {
    return error_of([&] { Tokenizer::load(path); });
  }

  TemporaryFolder folder_;
};

TEST_F(Load, AFileOrItsFolder) {
  write("tokenizer.json", small_json().dump());
  EXPECT_EQ(Tokenizer::load(folder_.path()).encode("hello"), (Ids{259}));
  EXPECT_EQ(Tokenizer::load(folder_ / "tokenizer.json").encode("hello"), (Ids{259}));
}

TEST_F(Load, VocabAndMerges) {
  write_pair();
  auto tokenizer = Tokenizer::load(folder_.path());
  EXPECT_EQ(tokenizer.encode("hello world<|endoftext|>"), (Ids{259, 264, 267}));
  EXPECT_TRUE(tokenizer.is_special(267));
  EXPECT_EQ(tokenizer.add_special_tokens(markers::chat()).front(), 268);
  write("added_tokens.json", R"({"<|pad|>": 269, "<extra>": 268})");
  EXPECT_EQ(Tokenizer::load(folder_.path()).encode("<extra><|pad|>"), (Ids{268, 269}));
}

TEST_F(Load, WhatIsNotThere) {
  const auto hub = load_error("gpt2");
  for (const char* part : {"\"gpt2\"", "tokenizer.json", "vocab.json", "merges.txt"}) EXPECT_CONTAINS(hub, part);
  EXPECT_CONTAINS(load_error(folder_.path()), "tokenizer.json");
  write_pair();
  fs::remove(folder_ / "merges.txt");
  EXPECT_CONTAINS(load_error(folder_.path()), "merges.txt is missing");
  EXPECT_CONTAINS(load_error(folder_ / "vocab.json"), "pass the folder");
}

TEST_F(Load, WhatIsWrongIsNamed) {
  write("tokenizer.json", "{\"model\": \n oops}");
  EXPECT_CONTAINS(load_error(folder_.path()), (folder_ / "tokenizer.json").string() + ": malformed JSON");
  EXPECT_CONTAINS(load_error(folder_.path()), "line 2");
  fs::remove(folder_ / "tokenizer.json");

  write_pair("a b c\n");
  EXPECT_CONTAINS(load_error(folder_.path()), "merges.txt:13");
  write_pair("q zz\n");
  EXPECT_CONTAINS(load_error(folder_.path()), "\"zz\"");
  write_pair();
  write("vocab.json", "[1]");
  EXPECT_CONTAINS(load_error(folder_.path()), "vocab.json");
  write("vocab.json", "");
  EXPECT_CONTAINS(load_error(folder_.path()), "vocab.json");
}

TEST_F(Load, ByteOrderMarksAreSkipped) {
  write_pair();
  for (const char* name : {"vocab.json", "merges.txt"}) {
    std::ifstream in(folder_ / name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    write(name, "\xef\xbb\xbf" + text);
  }
  EXPECT_EQ(Tokenizer::load(folder_.path()).encode("hello world"), (Ids{259, 264}));
  write("merges.txt", "\x1f\x8b\x08");
  EXPECT_CONTAINS(load_error(folder_.path()), "gzip");
}

TEST_F(Load, SaveMakesTheFolderAndReplaces) {
  const fs::path target = folder_ / "data" / "tokenizer";
  small().save(target);
  auto tokenizer = Tokenizer::load(target);
  tokenizer.add_special_tokens({"<new>"});
  tokenizer.save(target);
  EXPECT_EQ(Tokenizer::load(target).token_id("<new>"), 269);
  EXPECT_EQ(std::distance(fs::directory_iterator(target), fs::directory_iterator()), 1);  // nothing temporary is left
}

TEST_F(Load, SaveThatFailsSaysWhere) {
  write("file", "x");
  EXPECT_CONTAINS(error_of([&] { small().save(folder_ / "file"); }), "file");
  fs::create_directories(folder_ / "taken" / "tokenizer.json");
  EXPECT_CONTAINS(error_of([&] { small().save(folder_ / "taken"); }), "tokenizer.json");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "taken"), fs::directory_iterator()), 1);
}
