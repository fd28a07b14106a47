#include <algorithm>
#include <random>

#include "tests/tokenizer/small.h"
#include "tokenizer/markers.h"

using namespace trm;
using namespace trm::testing;

namespace {

std::vector<std::string> merges(const Tokenizer& tokenizer) {
  return Json::parse(tokenizer.to_json())["model"]["merges"];
}

using Merges = std::vector<std::string>;

}  // namespace

TEST(Train, MergesTheMostFrequentPairFirst) {
  // Sennrich et al. 2016's example: low ×5, lower ×2, newest ×6, widest ×3. Each word is a text of its own.
  std::vector<std::string> texts;
  for (const auto& [word, count] : {std::pair{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}})
    texts.insert(texts.end(), count, word);
  const auto tokenizer = Tokenizer::train(texts, 266, {});
  // es 9 = st 9 = we 8…: of e+s and s+t the lower left id first; then es+t 9; l+o 7, lo+w 7; ties below by id.
  EXPECT_EQ(merges(tokenizer),
            (Merges{"e s", "es t", "l o", "lo w", "e w", "n ew", "new est", "d est", "i dest", "w idest"}));
  EXPECT_EQ(tokenizer.vocab_size(), 266);
  EXPECT_EQ(tokenizer.encode("newest"), (Ids{262}));
}

TEST(Train, OverlappingPairs) {
  // "aaaa" ×2: aa occurs at three places, merged at two; then aa+aa.
  EXPECT_EQ(merges(Tokenizer::train({"aaaa", "aaaa"}, 300, {})), (Merges{"a a", "aa aa"}));
  EXPECT_EQ(merges(Tokenizer::train({"aaa", "aaa"}, 300, {})), (Merges{"a a", "aa a"}));
  EXPECT_EQ(merges(Tokenizer::train({"ababab", "ababab"}, 300, {})), (Merges{"a b", "ab ab", "abab ab"}));
}

TEST(Train, StopsWhereNoPairOccursTwice) {
  EXPECT_EQ(merges(Tokenizer::train({"abcd"}, 1000, {})), Merges{});
  EXPECT_EQ(Tokenizer::train({}, 1000, {}).vocab_size(), 256);
  EXPECT_EQ(Tokenizer::train({"ab ab"}, 1000, {"<s>"}).vocab_size(), 258);
}

TEST(Train, SpecialTokensComeLastAndAreNotMergedAcross) {
  std::vector<std::string> texts(5, "ab<|sep|>ab<|user|>cd");
  const auto tokenizer = Tokenizer::train(texts, 300, markers::all());
  EXPECT_EQ(merges(tokenizer), (Merges{"a b", "c d"}));
  EXPECT_EQ(tokenizer.token_id(markers::kEndOfText), 258);
  EXPECT_EQ(tokenizer.token_id(markers::kPad), 259);
  EXPECT_EQ(tokenizer.vocab_size(), 268);
  EXPECT_EQ(tokenizer.encode("ab<|sep|>cd").size(), 3u);
}

TEST(Train, TheOrderOfTextsDoesNotMatter) {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i)
    texts.push_back("text " + std::to_string(i * i) + " is é number " + std::to_string(i % 7));
  const auto first = Tokenizer::train(texts, 400, {"<x>"});
  std::reverse(texts.begin(), texts.end());
  EXPECT_EQ(Tokenizer::train(texts, 400, {"<x>"}).to_json(), first.to_json());
  EXPECT_EQ(first.vocab_size(), 400);
  for (const auto& text : texts) EXPECT_EQ(first.decode(first.encode(text)), text);
}

TEST(Train, ALongWordIsNotQuadratic) {
  std::string word;
  std::mt19937 random(1);
  for (int i = 0; i < 300'000; ++i) word += static_cast<char>('a' + random() % 16);
  EXPECT_EQ(Tokenizer::train({word}, 2000, {}).vocab_size(), 2000);
}

TEST(Train, InvalidBytesAreLearnedToo) {
  const auto tokenizer = Tokenizer::train({"\xFF\xFE", "\xFF\xFE"}, 300, {});
  EXPECT_EQ(tokenizer.encode("\xFF\xFE"), (Ids{256}));
}

TEST(Train, TooSmallAVocabularyIsAnError) {
  const auto error = error_of([] { Tokenizer::train({"a"}, 257, {"<a>", "<b>"}); });
  EXPECT_CONTAINS(error, "257");
  EXPECT_CONTAINS(error, "258");
}
