#include "tests/tokenizer/small.h"

using namespace trm;
using namespace trm::testing;

TEST(Characters, ATokenForEachCharacter) {
  const auto tokenizer = Tokenizer::characters({"To be, é", "日本 é😀\n"});
  EXPECT_EQ(tokenizer.vocab_size(), 256 + 4);
  EXPECT_EQ(tokenizer.encode("é日本😀"), (Ids{256, 257, 258, 259}));  // by code point
  EXPECT_EQ(tokenizer.encode("To be").size(), 5u);
  EXPECT_EQ(tokenizer.encode("\n\n  é").size(), 5u);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("To 日本 é😀\n")), "To 日本 é😀\n");
}

TEST(Characters, OthersFallToTheirBytes) {
  const auto tokenizer = Tokenizer::characters({"abc"});
  EXPECT_EQ(tokenizer.encode("ü"), (Ids{byte_id(0xC3), byte_id(0xBC)}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("aüb")), "aüb");
  EXPECT_EQ(tokenizer.encode("\xFF\xFE").size(), 2u);
}

TEST(Characters, SurvivesSaving) {
  auto tokenizer = Tokenizer::characters({"é日"});
  tokenizer.add_special_tokens({"<|sep|>"});
  const auto again = Tokenizer::from_json(tokenizer.to_json(), "again");
  EXPECT_EQ(again.encode("a é<|sep|>日ü"), tokenizer.encode("a é<|sep|>日ü"));
  EXPECT_EQ(again.to_json(), tokenizer.to_json());
}
