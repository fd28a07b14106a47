#pragma once
// A small tokenizer.json to start from: 256 byte symbols, a few merges, two special tokens.
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace trm::testing {

using Json = nlohmann::ordered_json;
using Ids = std::vector<int32_t>;

inline int32_t byte_id(unsigned char byte) {
  for (int i = 0; i < 256; ++i)
    if (bytes_by_symbol()[i] == byte) return i;
  return -1;
}

// Tokens 256…: he, ll, hell, hello, Ġw, or, Ġwor, Ġworl, Ġworld, "ab", "abc"; special: 267 <|user|>, 268 <|sep|>.
inline Json small_json() {
  Json vocab = Json::object(), merges = Json::array();
  for (int i = 0; i < 256; ++i) vocab[byte_symbols()[bytes_by_symbol()[i]]] = i;
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"h", "e"},   {"l", "l"},    {"he", "ll"},   {"hell", "o"}, {"Ġ", "w"}, {"o", "r"},
      {"Ġw", "or"}, {"Ġwor", "l"}, {"Ġworl", "d"}, {"a", "b"},    {"ab", "c"}};
  for (const auto& [left, right] : pairs) {
    const int id = static_cast<int>(vocab.size());
    vocab[left + right] = id;
    merges.push_back(left + " " + right);
  }
  const auto special = [](int id, const char* content) {
    return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  return {{"version", "1.0"},
          {"added_tokens", Json::array({special(267, "<|user|>"), special(268, "<|sep|>")})},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

inline Tokenizer small(const std::function<void(Json&)>& change = [](Json&) {}) {
  Json json = small_json();
  change(json);
  return Tokenizer::from_json(json.dump(), "small.json");
}

// The message of the TokenizerError that `action` throws; empty if it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const TokenizerError& error) {
    return error.what();
  }
  return "";
}

}  // namespace trm::testing

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
