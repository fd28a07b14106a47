#include "tokenizer/pre_tokenizer.h"

#include "tests/tokenizer/small.h"
#include "tokenizer/regex.h"

using namespace trm;
using namespace trm::testing;

namespace {

using Words = std::vector<std::string>;

Words words(const PreTokenizer& pre_tokenizer, const std::string& text) {
  Words out;
  pre_tokenizer.split(text, [&](std::string_view word) { out.emplace_back(word); });
  return out;
}

Json byte_level(bool prefix, bool regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", true}, {"use_regex", regex}};
}

Json sequence(const Json& first, const Json& last) {
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({first, last})}};
}

Json split(const std::string& regex, const std::string& behavior = "Isolated", bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", behavior}, {"invert", invert}};
}

Words split_words(const std::string& regex, const std::string& text) {
  return words(PreTokenizer(sequence(split(regex), byte_level(false, false))), text);
}

}  // namespace

TEST(PreTokenizer, Gpt2) {
  const auto gpt2 = PreTokenizer::gpt2();
  EXPECT_EQ(words(gpt2, "I'm sure they'll  go"), (Words{"I", "'m", " sure", " they", "'ll", " ", " go"}));
  EXPECT_EQ(words(gpt2, "I'M"), (Words{"I", "'", "M"}));
  EXPECT_EQ(words(gpt2, "a1 23b."), (Words{"a", "1", " 23", "b", "."}));
  EXPECT_EQ(words(gpt2, "x\t\ty \n\n z  "), (Words{"x", "\t", "\t", "y", " \n\n", " z", "  "}));
  EXPECT_EQ(words(gpt2, "é日本 ٤٥½!?"), (Words{"é日本", " ٤٥½", "!?"}));
  EXPECT_EQ(words(gpt2, "e\u0301x"), (Words{"e", "\u0301", "x"}));  // a mark is no letter
  EXPECT_EQ(words(gpt2, "a\u00a0\u3000b"), (Words{"a", "\u00a0", "\u3000", "b"}));
  EXPECT_EQ(words(gpt2, " \u180e"), (Words{" \u180e"}));  // no white space since Unicode 6.3
  EXPECT_EQ(words(gpt2, ""), Words{});
}

TEST(PreTokenizer, InvalidBytesAreWordsOfTheirOwn) {
  EXPECT_EQ(words(PreTokenizer::gpt2(), "ab\xFF\xFE hi\xE4\xBD"), (Words{"ab", "\xFF\xFE", " hi", "\xE4\xBD"}));
}

TEST(PreTokenizer, PrefixSpaceAndRegex) {
  EXPECT_EQ(words(PreTokenizer(byte_level(true, true)), "a b"), (Words{" a", " b"}));
  EXPECT_EQ(words(PreTokenizer(byte_level(true, true)), " a"), (Words{" a"}));
  EXPECT_EQ(words(PreTokenizer(byte_level(false, false)), "a b"), (Words{"a b"}));
  EXPECT_EQ(words(PreTokenizer(byte_level(true, false)), "a b"), (Words{" a b"}));
  EXPECT_EQ(words(PreTokenizer(Json{{"type", "ByteLevel"}}), "a"), (Words{" a"}));  // both default to true
}

TEST(PreTokenizer, SplitByTheGpt4Pattern) {
  const std::string pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(split_words(pattern, "I'M 12345,\n\n ok"), (Words{"I", "'M", " ", "123", "45", ",\n\n", " ok"}));
}

TEST(PreTokenizer, SplitBehaviours) {
  const auto of = [](const Json& step) {
    return words(PreTokenizer(sequence(step, byte_level(false, false))), "a,b,,c");
  };
  EXPECT_EQ(of(split(",")), (Words{"a", ",", "b", ",", ",", "c"}));
  EXPECT_EQ(of(split(",", "Removed")), (Words{"a", "b", "c"}));
  EXPECT_EQ(of(split(",", "Removed", true)), (Words{",", ",", ","}));
  EXPECT_EQ(of({{"type", "Split"}, {"pattern", {{"String", ",,"}}}, {"behavior", "Isolated"}}),
            (Words{"a,b", ",,", "c"}));
  EXPECT_EQ(of(split("x*")), (Words{"a", ",", "b", ",", ",", "c"}));  // empty matches part characters
  EXPECT_CONTAINS(error_of([&] { of(split(",", "MergedWithNext")); }), "MergedWithNext");
}

TEST(PreTokenizer, Digits) {
  const auto of = [](bool individual) {
    const Json digits = {{"type", "Digits"}, {"individual_digits", individual}};
    return words(PreTokenizer(sequence(digits, byte_level(false, true))), "ab12 34");
  };
  EXPECT_EQ(of(true), (Words{"ab", "1", "2", " ", "3", "4"}));
  EXPECT_EQ(of(false), (Words{"ab", "12", " ", "34"}));
}

TEST(PreTokenizer, OthersAreNamed) {
  const auto error = [](const Json& description) { return error_of([&] { PreTokenizer{description}; }); };
  EXPECT_CONTAINS(error({{"type", "Whitespace"}}), "Whitespace");
  EXPECT_CONTAINS(error(sequence({{"type", "Punctuation"}}, byte_level(false, true))), "Punctuation");
  EXPECT_CONTAINS(error(sequence(byte_level(false, true), split("x"))), "ByteLevel");
  EXPECT_CONTAINS(error(nullptr), "null");
  EXPECT_CONTAINS(error({{"type", "ByteLevel"}, {"use_regex", "yes"}}), "use_regex");
}

TEST(Oniguruma, TranslatesWhatDiffers) {
  EXPECT_EQ(split_words(R"([^\u4e00-\u9fff]+)", "ab日本c"), (Words{"ab", "日本", "c"}));
  EXPECT_EQ(split_words(R"(a(?m:.)b)", "xa\nb"), (Words{"x", "a\nb"}));
  EXPECT_EQ(split_words(R"(\w+)", "a\u0301_1-b"), (Words{"a\u0301_1", "-", "b"}));
  EXPECT_EQ(split_words(R"([\S]+)", "a\u180eb c"), (Words{"a\u180eb", " ", "c"}));
}

TEST(Oniguruma, NamesWhatIsNotSupported) {
  for (const char* pattern :
       {R"(\h+)", R"([a[bc]])", R"([a-z&&[^b]])", R"(\bx)", R"(x{1,3}+)", R"(x{,3})", R"([\W])", "a\\"})
    EXPECT_CONTAINS(error_of([&] { split_words(pattern, "x"); }), "not supported") << pattern;
  EXPECT_CONTAINS(error_of([&] { split_words("(ab", "x"); }), "(ab");
}

TEST(Regex, GivesUpOnAPatternThatNeverEnds) {
  const auto error = error_of([] { split_words("(a+)+(a+)+[bc]", std::string(5000, 'a')); });
  EXPECT_CONTAINS(error, "(a+)+(a+)+[bc]");
}
