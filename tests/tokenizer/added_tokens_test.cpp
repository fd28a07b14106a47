#include "tests/tokenizer/small.h"
#include "tokenizer/markers.h"

using namespace trm;
using namespace trm::testing;

namespace {

// One added token of id 269 with these flags.
Tokenizer with_token(const std::string& content, const Json& flags) {
  return small([&](Json& json) {
    Json token = {{"id", 269}, {"content", content}, {"special", true}};
    token.update(flags);
    json["added_tokens"].push_back(token);
  });
}

}  // namespace

TEST(AddedTokens, AreReadInsideText) {
  const auto tokenizer = small();
  EXPECT_EQ(tokenizer.encode("<|user|>hello<|sep|> world"), (Ids{267, 259, 268, 264}));
  EXPECT_EQ(tokenizer.encode("<|sep|><|sep|>"), (Ids{268, 268}));
  EXPECT_EQ(tokenizer.encode("<|sep|").size(), 6u);
  EXPECT_TRUE(tokenizer.is_special(267));
  EXPECT_FALSE(tokenizer.is_special(259));
  EXPECT_EQ(tokenizer.token_id("<|sep|>"), 268);
}

TEST(AddedTokens, TheLongestOfThoseThatStartFirst) {
  auto tokenizer = small();
  EXPECT_EQ(tokenizer.add_special_tokens({"<<", "<<<", "<a>b", "a>"}), (Ids{269, 270, 271, 272}));
  EXPECT_EQ(tokenizer.encode("<<<<<"), (Ids{270, 269}));
  EXPECT_EQ(tokenizer.encode("<a>b"), (Ids{271}));
  EXPECT_EQ(tokenizer.encode("<a>"), (Ids{byte_id('<'), 272}));
}

TEST(AddedTokens, StripTakesWhiteSpace) {
  const std::string text = "hello \u00a0\n[M]  hello";
  EXPECT_EQ(with_token("[M]", {{"lstrip", true}, {"rstrip", true}}).encode(text), (Ids{259, 269, 259}));
  EXPECT_EQ(with_token("[M]", {{"lstrip", true}}).encode("hello \n[M] world"), (Ids{259, 269, 264}));
  EXPECT_EQ(with_token("[M]", {{"rstrip", true}}).encode("ab [M]  hello"), (Ids{265, byte_id(' '), 269, 259}));
}

TEST(AddedTokens, SingleWordStandsAlone) {
  const auto tokenizer = with_token("xyz", {{"single_word", true}});
  EXPECT_EQ(tokenizer.encode("xyz"), (Ids{269}));
  EXPECT_EQ(tokenizer.encode("(xyz)"), (Ids{byte_id('('), 269, byte_id(')')}));
  EXPECT_EQ(tokenizer.encode("xyzd").size(), 4u);
  EXPECT_EQ(tokenizer.encode("_xyz").size(), 4u);
  EXPECT_EQ(tokenizer.encode("éxyz").size(), 5u);
}

TEST(AddedTokens, NormalizedOnesComeSecond) {
  const auto tokenizer = with_token("user", {{"normalized", true}, {"special", false}});
  EXPECT_EQ(tokenizer.encode("<|user|>user"), (Ids{267, 269}));
  EXPECT_FALSE(tokenizer.is_special(269));
}

TEST(AddedTokens, NewOnesFollowTheHighestId) {
  auto tokenizer = small();
  const auto before = tokenizer;
  EXPECT_EQ(tokenizer.add_special_tokens({"<|user|>", "x1", "hello", "x2", "x1"}), (Ids{267, 269, 259, 270, 269}));
  EXPECT_EQ(tokenizer.vocab_size(), 271);
  EXPECT_TRUE(tokenizer.is_special(259));  // was a token, is special now
  EXPECT_EQ(tokenizer.token(270), "x2");
  EXPECT_EQ(before.vocab_size(), 269);  // a copy is independent
  EXPECT_EQ(before.token_id("x1"), std::nullopt);
  EXPECT_NE(error_of([&] { tokenizer.add_special_tokens({""}); }), "");
  EXPECT_NE(error_of([&] { tokenizer.add_special_tokens({"\xFF"}); }), "");
  EXPECT_EQ(tokenizer.vocab_size(), 271);
}

TEST(AddedTokens, ChatMarkersInOrder) {
  auto tokenizer = Tokenizer::train({"hello"}, 300, {});
  const auto ids = tokenizer.add_special_tokens(markers::chat());
  for (size_t i = 1; i < ids.size(); ++i) EXPECT_EQ(ids[i], ids[i - 1] + 1);
  EXPECT_EQ(tokenizer.token_id(markers::kPad), ids.front());
  EXPECT_EQ(tokenizer.token_id(markers::kEndSystem), ids.back());
  EXPECT_EQ(tokenizer.token_id(markers::kEndOfText), std::nullopt);
}
