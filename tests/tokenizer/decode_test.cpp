#include "tests/tokenizer/small.h"
#include "tokenizer/unicode.h"

using namespace trm;
using namespace trm::testing;

namespace {

const std::string kBad = kReplacementCharacter;

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder stream(tokenizer);
  std::string text;
  for (int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

}  // namespace

TEST(Decode, GivesTheTextBack) {
  const auto tokenizer = small();
  for (const std::string text : {"", " hello  world \n", "it's é 日本 😀 \u0301", "<|user|>x<|sep|>"}) {
    const auto ids = tokenizer.encode(text);
    EXPECT_EQ(tokenizer.decode(ids), text);
    EXPECT_EQ(streamed(tokenizer, ids), text);
  }
}

TEST(Decode, LeavesSpecialTokensOut) {
  const auto tokenizer = small();
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("<|user|>hello<|sep|>"), true), "hello");
}

TEST(Decode, InvalidBytesBecomeReplacementCharacters) {
  // Unicode 15, 3.9, "U+FFFD Substitution of Maximal Subparts" (table 3-8 and its neighbours).
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64",
       "a" + kBad + kBad + kBad + "b" + kBad + "c" + kBad + kBad + "d"},
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", kBad + kBad + kBad + kBad + kBad + "A" + kBad + kBad + "B"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", kBad + kBad + kBad + kBad + "A"},
      {"ab\xE6\x97", "ab" + kBad},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"}};
  const auto tokenizer = small();
  for (const auto& [bytes, text] : cases) {
    const auto ids = tokenizer.encode(bytes);
    EXPECT_EQ(tokenizer.decode(ids), text);
    EXPECT_EQ(streamed(tokenizer, ids), text);
  }
}

TEST(Decode, AStreamWaitsForACharactersLastByte) {
  const auto tokenizer = small();
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(byte_id(0xF0)), "");
  EXPECT_EQ(stream.push(byte_id(0x9F)), "");
  EXPECT_EQ(stream.push(byte_id(0x98)), "");
  EXPECT_EQ(stream.push(byte_id(0x80)), "😀");
  EXPECT_EQ(stream.push(byte_id(0xE6)), "");
  EXPECT_EQ(stream.push(259), kBad + "hello");  // it never came
  EXPECT_EQ(stream.push(byte_id(0xC3)), "");
  EXPECT_EQ(stream.finish(), kBad);
  EXPECT_EQ(stream.finish(), "");
}

TEST(Decode, AnIdThatIsNotThereIsAnError) {
  const auto tokenizer = small();
  for (int32_t id : {-1, 269, 1 << 30}) {
    EXPECT_CONTAINS(error_of([&] { tokenizer.decode(Ids{1, id}); }), std::to_string(id));
    EXPECT_NE(error_of([&] { tokenizer.token(id); }), "");
    EXPECT_FALSE(tokenizer.is_special(id));
  }
}

TEST(Unicode, WhiteSpaceAtEitherEnd) {
  EXPECT_EQ(leading_space(" \t\u3000x "), 5u);
  EXPECT_EQ(trailing_space("x \u00a0\n"), 4u);
  EXPECT_EQ(trailing_space("\u2003"), 3u);
  EXPECT_EQ(trailing_space("\x80\x80"), 0u);
  EXPECT_EQ(leading_space("\u180e"), 0u);
  EXPECT_EQ(leading_space(""), 0u);
}
