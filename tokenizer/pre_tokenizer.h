#pragma once
// Cuts text into the words that byte-pair merges stay within.
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/regex.h"

namespace trm {

class PreTokenizer {
 public:
  /// "pre_tokenizer" of a tokenizer.json: ByteLevel, or a Sequence of Split and Digits steps that ends with ByteLevel.
  /// Throws TokenizerError naming any other step or option.
  explicit PreTokenizer(const nlohmann::json& description);

  /// That of GPT-2, whose pattern is
  /// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  static PreTokenizer gpt2();

  /// One word for each Unicode character.
  static PreTokenizer characters();

  using OnWord = std::function<void(std::string_view)>;
  void split(std::string_view text, const OnWord& on_word) const;

  /// The description that it was made from.
  const std::string& description() const { return description_; }

 private:
  struct Step {
    Regex regex;
    bool keep_matches, keep_gaps;
  };
  void add_step(const nlohmann::json& step);
  void set_byte_level(const nlohmann::json& step);
  void split(size_t step, std::string_view text, const OnWord& on_word) const;

  std::string description_;
  std::vector<Step> steps_;
  size_t prefix_step_ = 0;  // the step before which add_prefix_space applies: the last, or past it
  bool add_prefix_space_ = false;
};

}  // namespace trm
