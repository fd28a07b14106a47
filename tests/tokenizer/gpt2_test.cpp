// GPT-2's own files. The expected ids were computed with Hugging Face tokenizers 0.23 from the same vocab.json and
// merges.txt.
#include "tests/shared.h"
#include "tests/tokenizer/small.h"
#include "tokenizer/markers.h"

using namespace trm;
using namespace trm::testing;

namespace {

constexpr const char* kFolder = "data/tokenizer/gpt2";

Tokenizer gpt2() {
  auto tokenizer = Tokenizer::load(shared_dir() / kFolder);
  tokenizer.add_special_tokens(markers::chat());
  return tokenizer;
}

const std::vector<std::pair<std::string, Ids>>& expected() {
  static const std::vector<std::pair<std::string, Ids>> cases = {
      {"Hello world", {15496, 995}},
      {"I'm sure they'll say we've won, don't you'd think it's theirs?",
       {40, 1101, 1654, 484, 1183, 910, 356, 1053, 1839, 11, 836, 470, 345, 1549, 892, 340, 338, 22021, 30}},
      {"I'M SURE THEY'LL", {40, 6, 44, 311, 11335, 33302, 6, 3069}},
      {" leading and trailing  ", {3756, 290, 25462, 220, 220}},
      {"a  b   c    d", {64, 220, 275, 220, 220, 269, 220, 220, 220, 288}},
      {"\tif x:\n\t\treturn 1\n\n\n", {197, 361, 2124, 25, 198, 197, 197, 7783, 352, 628, 198}},
      {"line\r\nline\r\n  \n", {1370, 201, 198, 1370, 201, 198, 220, 220, 198}},
      {"emoji "
       "\360\237\230\200\360\237\221\250\342\200\215\360\237\221\251\342\200\215\360\237\221\247\360\237\207\251\360"
       "\237\207\252 end",
       {368, 31370, 30325, 222,  41840, 101, 447,  235, 41840, 102, 447,
        235, 41840, 100,   8582, 229,   102, 8582, 229, 103,   886}},
      {"你好,世界。", {19526, 254, 25001, 121, 11, 10310, 244, 45911, 234, 16764}},
      {"\331\205\330\261\330\255\330\250\330\247 \330\250\330\247\331\204\330\271\330\247\331\204\331\205",
       {25405, 26897, 148, 255, 39848, 12919, 17550, 101, 23525, 44690, 23525, 25405}},
      {"\331\206\330\265 123 \331\244\331\245\331\246", {23338, 148, 113, 17031, 18923, 97, 149, 98, 149, 99}},
      {"१२३ ৪৫ ½ ²", {24231, 100, 24231, 101, 24231, 102, 220, 156, 100, 103, 156, 100, 104, 25208, 1587, 110}},
      {"e\314\201 \303\251 \303\261 \316\251 \320\226", {68, 136, 223, 38251, 6184, 109, 7377, 102, 12466, 244}},
      {"3.14159 10,000", {18, 13, 1415, 19707, 838, 11, 830}},
      {"<|user|>Hi<|enduser|><|sep|><|assistant|>Hello!<|endassistant|><|endoftext|>",
       {50260, 17250, 50261, 50259, 50262, 15496, 0, 50263, 50256}},
      {"<|user|> spaced <|enduser|> <|pad|>", {50260, 38980, 220, 50261, 220, 50257}},
      {"\302\240\342\200\203\343\200\200x\341\240\216y", {1849, 447, 225, 5099, 222, 87, 157, 254, 236, 88}},
      {"https://example.org/a_b?c=d&e=%20#f",
       {5450, 1378, 20688, 13, 2398, 14, 64, 62, 65, 30, 66, 28, 67, 5, 68, 28, 4, 1238, 2, 69}},
      {"antidisestablishmentarianism", {415, 29207, 44390, 3699, 1042}},
      {" ", {220}},
      {"", {}},
      {"\n", {198}},
      {"'s 's''s’s", {338, 705, 82, 7061, 82, 447, 247, 82}},
      {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", {24794, 24794, 24794, 24794, 24794, 24794, 24794, 24794, 24794, 64}},
  };
  return cases;
}

}  // namespace

TEST(Gpt2, EncodesAsThePythonLibrary) {
  TRM_REQUIRE_SHARED(kFolder);
  const auto tokenizer = gpt2();
  for (const auto& [text, ids] : expected()) {
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids), text);
  }
}

TEST(Gpt2, SurvivesSaving) {
  TRM_REQUIRE_SHARED(kFolder);
  const auto tokenizer = gpt2();
  const auto again = Tokenizer::from_json(tokenizer.to_json(), "again");
  for (const auto& [text, ids] : expected()) EXPECT_EQ(again.encode(text), ids) << text;
  EXPECT_EQ(again.vocab_size(), 50266);
}

TEST(Gpt2, NewMarkersFollowItsOwn) {
  TRM_REQUIRE_SHARED(kFolder);
  auto tokenizer = Tokenizer::load(shared_dir() / kFolder);
  EXPECT_EQ(tokenizer.vocab_size(), 50257);
  EXPECT_EQ(tokenizer.token_id(markers::kEndOfText), 50256);
  EXPECT_TRUE(tokenizer.is_special(50256));
  EXPECT_EQ(tokenizer.add_special_tokens(markers::chat()),
            (Ids{50257, 50258, 50259, 50260, 50261, 50262, 50263, 50264, 50265}));
  EXPECT_EQ(tokenizer.add_special_tokens(markers::all()).front(), 50256);
}
