#pragma once
// Tokens that are found in the text before anything else is done to it: the special ones and those added by hand.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/regex.h"

namespace trm {

struct AddedToken {
  int32_t id;
  std::string content;
  bool single_word = false;  // only where no letter, digit or underscore touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool normalized = false;   // searched only in what those with false leave
  bool special = true;
};

class AddedTokens {
 public:
  AddedTokens() = default;

  /// Throws TokenizerError for an empty content, and for two tokens of one id or one content.
  explicit AddedTokens(const std::vector<AddedToken>& tokens);

  const AddedToken* find(std::string_view content) const;
  const AddedToken* find(int32_t id) const;

  /// By id.
  const std::map<int32_t, AddedToken>& tokens() const { return tokens_; }

  /// Cuts `text` at the added tokens, leftmost and of those longest first. Calls back in the order of the text; what
  /// lies between is never empty.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_text,
             const std::function<void(int32_t)>& on_token) const;

 private:
  using Set = std::vector<std::vector<AddedToken>>;  // by first byte, then longest first; empty when none

  void split(const Set& set, std::string_view text, const std::function<void(std::string_view)>& on_text,
             const std::function<void(int32_t)>& on_token) const;
  bool stands_alone(std::string_view text, size_t start, size_t stop) const;

  std::map<int32_t, AddedToken> tokens_;
  std::unordered_map<std::string, int32_t> ids_;
  Set first_, second_;  // normalized false, true
  std::shared_ptr<const Regex> word_;
};

}  // namespace trm
