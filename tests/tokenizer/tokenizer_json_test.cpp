#include "tests/tokenizer/small.h"
#include "tokenizer/same_tokens.h"

using namespace trm;
using namespace trm::testing;

namespace {

std::string error(const std::function<void(Json&)>& change) {
  return error_of([&] { small(change); });
}

}  // namespace

TEST(TokenizerJson, RoundTrip) {
  const auto tokenizer = small();
  const auto again = Tokenizer::from_json(tokenizer.to_json(), "again");
  EXPECT_EQ(again.to_json(), tokenizer.to_json());
  EXPECT_EQ(again.encode("<|user|>hello world"), tokenizer.encode("<|user|>hello world"));
}

TEST(TokenizerJson, MergesInBothForms) {
  const auto pairs = small([](Json& json) {
    for (auto& merge : json["model"]["merges"]) {
      const std::string text = merge;
      merge = Json::array({text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)});
    }
  });
  EXPECT_EQ(pairs.encode("hello world"), (Ids{259, 264}));
}

TEST(TokenizerJson, PartsThatDoNothingAreRead) {
  const Json byte_level = {{"type", "ByteLevel"}}, none = Json::array();
  const auto sequence = [](const char* list, Json items) {
    return Json{{"type", "Sequence"}, {list, std::move(items)}};
  };
  const auto expect_same = [](const std::function<void(Json&)>& change) {
    EXPECT_EQ(small(change).encode("hello world"), (Ids{259, 264}));
  };
  expect_same([&](Json& json) { json["normalizer"] = sequence("normalizers", none); });
  expect_same(
      [&](Json& json) { json["normalizer"] = sequence("normalizers", Json::array({sequence("normalizers", none)})); });
  expect_same([&](Json& json) {
    json["normalizer"] = {{"type", "Strip"}, {"strip_left", false}, {"strip_right", false}};
  });
  expect_same([&](Json& json) { json["decoder"] = sequence("decoders", Json::array({byte_level})); });
  expect_same([&](Json& json) {
    json["decoder"] =
        sequence("decoders", Json::array({sequence("decoders", Json::array({byte_level})), {{"type", "Fuse"}}}));
  });
  expect_same([&](Json& json) {
    json["pre_tokenizer"] =
        sequence("pretokenizers", Json::array({sequence("pretokenizers", Json::array({json["pre_tokenizer"]}))}));
  });
  EXPECT_CONTAINS(error([&](Json& json) {
                    json["normalizer"] = sequence("normalizers", Json::array({{{"type", "NFC"}}}));
                  }),
                  "normalizer NFC");
  EXPECT_CONTAINS(error([&](Json& json) {
                    json["decoder"] = sequence("decoders", Json::array({byte_level, {{"type", "WordPiece"}}}));
                  }),
                  "decoder WordPiece");
}

TEST(TokenizerJson, SameTokensWhateverTheForm) {
  const auto one = small();
  EXPECT_TRUE(same_tokens(one, Tokenizer::from_json(one.to_json(), "again")));
  EXPECT_FALSE(same_tokens(one, Tokenizer::characters({"a"})));
  auto more = one;
  more.add_special_tokens({"<new>"});
  EXPECT_FALSE(same_tokens(one, more));
  EXPECT_FALSE(
      same_tokens(one, small([](Json& json) { std::swap(json["model"]["merges"][0], json["model"]["merges"][1]); })));
}

TEST(TokenizerJson, OptionsAndPostProcessorAreKept) {
  const auto tokenizer = small([](Json& json) {
    json["model"]["ignore_merges"] = true;
    json["post_processor"] = {{"type", "ByteLevel"}, {"trim_offsets", false}};
  });
  const auto saved = Json::parse(tokenizer.to_json());
  EXPECT_EQ(saved["model"]["ignore_merges"], true);
  EXPECT_EQ(saved["post_processor"]["trim_offsets"], false);
  EXPECT_EQ(saved["pre_tokenizer"]["add_prefix_space"], false);
}

TEST(TokenizerJson, OtherKindsAreNamed) {
  EXPECT_CONTAINS(error([](Json& j) {
                    j["model"] = {{"type", "Unigram"}, {"vocab", Json::array()}};
                  }),
                  "model Unigram");
  EXPECT_CONTAINS(error([](Json& j) {
                    j["model"] = {{"type", "WordPiece"}, {"vocab", Json::object()}};
                  }),
                  "model WordPiece");
  EXPECT_CONTAINS(error([](Json& j) { j["normalizer"] = {{"type", "NFC"}}; }), "normalizer NFC");
  EXPECT_CONTAINS(error([](Json& j) { j["pre_tokenizer"] = {{"type", "Metaspace"}}; }), "Metaspace");
  EXPECT_CONTAINS(error([](Json& j) { j["decoder"] = {{"type", "WordPiece"}}; }), "decoder WordPiece");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["dropout"] = 0.1; }), "dropout");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["byte_fallback"] = true; }), "byte_fallback");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }), "end_of_word_suffix");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["continuing_subword_prefix"] = "##"; }), "continuing_subword_prefix");
  EXPECT_EQ(error([](Json& j) { j["model"]["dropout"] = 0.0; }), "");
}

TEST(TokenizerJson, MalformedTextIsLocated) {
  const auto text = error_of([] { Tokenizer::from_json("{\n  \"model\": {,\n", "some/tokenizer.json"); });
  EXPECT_CONTAINS(text, "some/tokenizer.json");
  EXPECT_CONTAINS(text, "line 2, column 13");
  for (const char* bad : {"", "[]", "{}", "3", "{\"model\": 1}", "{\"model\": {}}", "{\"model\": {\"type\": \"BPE\"}}"})
    EXPECT_CONTAINS(error_of([&] { Tokenizer::from_json(bad, "x.json"); }), "x.json: ");
  EXPECT_CONTAINS(error_of([&] { Tokenizer::from_json("{\"\xFF\": 1}", "x.json"); }), "x.json");
  EXPECT_CONTAINS(error_of([&] { Tokenizer::from_json(std::string(100'000, '['), "x.json"); }), "x.json");
}

TEST(TokenizerJson, EveryTruncationIsAnError) {
  Json json = small_json();
  const std::string text = json.dump();
  for (size_t size = 0; size < text.size(); size += 7)
    EXPECT_NE(error_of([&] { Tokenizer::from_json(text.substr(0, size), "cut"); }), "") << size;
}

TEST(TokenizerJson, IdsAndMergesMustAgree) {
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["vocab"]["hello"] = 258; }), "same id 258");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1]["id"] = 300; }), "none has id 268");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1]["id"] = 2147483647; }), "none has id 268");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1]["id"] = 267; }), "same id 267");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1]["id"] = 7; }), "same id 7");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1]["content"] = "hello"; }), "259");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1]["content"] = ""; }), "empty");
  EXPECT_CONTAINS(error([](Json& j) { j["added_tokens"][1].erase("id"); }), "\"id\"");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["vocab"]["hello"] = -1; }), "hello");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["vocab"]["hello"] = 18446744073709551615u; }), "hello");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["vocab"]["hello"] = "259"; }), "hello");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["merges"].push_back("zz y"); }), "merge 12");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["merges"].push_back("z y"); }), "\"zy\"");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["merges"].push_back("zy"); }), "merge 12");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["merges"].push_back(5); }), "merge 12");
  EXPECT_CONTAINS(error([](Json& j) { j["model"]["unk_token"] = "<unk>", j["model"]["vocab"].erase("z"); }), "<unk>");
}
