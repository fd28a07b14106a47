#include <chrono>
#include <thread>

#include "tests/tokenizer/small.h"

using namespace trm;
using namespace trm::testing;

TEST(Encode, MergesByRankWithinWords) {
  const auto tokenizer = small();
  EXPECT_EQ(tokenizer.encode("hello world"), (Ids{259, 264}));
  EXPECT_EQ(tokenizer.encode("hell"), (Ids{258}));
  // "hel": he first, then no merge; "abc" is not merged across the space.
  EXPECT_EQ(tokenizer.encode("hel"), (Ids{256, byte_id('l')}));
  EXPECT_EQ(tokenizer.encode("ab c"), (Ids{265, byte_id(' '), byte_id('c')}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
}

TEST(Encode, EqualPairsMergeFromTheLeft) {
  const auto tokenizer = small();
  EXPECT_EQ(tokenizer.encode("lll"), (Ids{257, byte_id('l')}));
  EXPECT_EQ(tokenizer.encode("lllll"), (Ids{257, 257, byte_id('l')}));
}

TEST(Encode, AnyBytesSurvive) {
  const auto tokenizer = small();
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  std::string back;
  for (int32_t id : tokenizer.encode(all)) back += tokenizer.bytes(id);
  EXPECT_EQ(back, all);
  EXPECT_EQ(tokenizer.encode("\xE4\xBD"), (Ids{byte_id(0xE4), byte_id(0xBD)}));
  EXPECT_EQ(tokenizer.encode("hello\xFFhello"), (Ids{259, byte_id(0xFF), 259}));
}

TEST(Encode, AWordOfAMillionBytesIsQuick) {
  const auto tokenizer = small();
  for (const std::string part : {"hello", "l", "\xFF", "<", "\xE6\x97\xA5"}) {
    std::string text;
    while (text.size() < 1'000'000) text += part;
    const auto start = std::chrono::steady_clock::now();
    const auto ids = tokenizer.encode(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << part;  // quadratic: hours
    std::string back;
    for (int32_t id : ids) back += tokenizer.bytes(id);
    EXPECT_EQ(back, text);
  }
}

TEST(Encode, TheSameFromSeveralThreads) {
  const auto tokenizer = small();
  const std::string text = "hello world abc hell or world hello";
  const auto expected = small().encode(text);
  std::vector<Ids> found(4);
  std::vector<std::thread> threads;
  for (auto& ids : found)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) ids = tokenizer.encode(text);
    });
  for (auto& thread : threads) thread.join();
  for (const auto& ids : found) EXPECT_EQ(ids, expected);
}

TEST(Encode, IgnoreMergesTakesAWholeWordThatIsAToken) {
  // Without its last merge "hello" cannot be built, only looked up.
  const auto change = [](bool ignore) {
    return [=](Json& json) {
      json["model"]["merges"].erase(3);
      json["model"]["ignore_merges"] = ignore;
    };
  };
  EXPECT_EQ(small(change(false)).encode("hello"), (Ids{258, byte_id('o')}));
  EXPECT_EQ(small(change(true)).encode("hello"), (Ids{259}));
  EXPECT_EQ(small(change(true)).encode("hellor"), (Ids{258, 261}));
}

TEST(Encode, BytesWithoutATokenBecomeUnkOrNothing) {
  const auto without = [](const char* unk, bool fuse) {
    return [=](Json& json) {
      auto& model = json["model"];
      model["vocab"] = {{"a", 0}, {"b", 1}, {"<unk>", 2}};
      model["merges"] = Json::array();
      model["unk_token"] = unk ? Json(unk) : Json();
      model["fuse_unk"] = fuse;
      json["added_tokens"] = Json::array();
    };
  };
  EXPECT_EQ(small(without(nullptr, false)).encode("axxb"), (Ids{0, 1}));
  EXPECT_EQ(small(without("<unk>", false)).encode("axxb"), (Ids{0, 2, 2, 1}));
  EXPECT_EQ(small(without("<unk>", true)).encode("axxbx"), (Ids{0, 2, 1, 2}));
}
