#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "text/printable.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace trm {
namespace {

// The longest added token that `text` starts with.
const AddedToken* longest(const std::vector<std::vector<AddedToken>>& set, std::string_view text) {
  for (const auto& token : set[static_cast<unsigned char>(text.front())])
    if (text.starts_with(token.content)) return &token;
  return nullptr;
}

}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens) {
  for (const auto& token : tokens) {
    if (token.content.empty()) throw TokenizerError("added token " + std::to_string(token.id) + " is empty");
    if (const auto [at, is_new] = tokens_.emplace(token.id, token); !is_new)
      throw TokenizerError("added tokens \"" + printable(at->second.content) + "\" and \"" + printable(token.content) +
                           "\" have the same id " + std::to_string(token.id));
    if (const auto [at, is_new] = ids_.emplace(token.content, token.id); !is_new)
      throw TokenizerError("added token \"" + printable(token.content) + "\" has two ids, " +
                           std::to_string(at->second) + " and " + std::to_string(token.id));
    auto& set = token.normalized ? second_ : first_;
    set.resize(256);
    set[static_cast<unsigned char>(token.content.front())].push_back(token);
    if (token.single_word && !word_) word_ = std::make_shared<Regex>(std::string("[") + kWordClass + "]");
  }
  for (auto* set : {&first_, &second_})
    for (auto& bucket : *set)
      std::sort(bucket.begin(), bucket.end(),
                [](const auto& a, const auto& b) { return a.content.size() > b.content.size(); });
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(std::string(content));
  return found == ids_.end() ? nullptr : find(found->second);
}

const AddedToken* AddedTokens::find(int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second;
}

bool AddedTokens::stands_alone(std::string_view text, size_t start, size_t stop) const {
  const auto is_word = [&](std::string_view character) {
    return !character.empty() && next_sequence(character).kind == Utf8::valid &&
           word_->starts(character.substr(0, next_sequence(character).length));
  };
  size_t before = start;
  while (before > 0 && start - before < 4 && (before == start || (text[before] & 0xC0) == 0x80)) --before;
  return !is_word(text.substr(before, start - before)) && !is_word(text.substr(stop));
}

void AddedTokens::split(const Set& set, std::string_view text, const std::function<void(std::string_view)>& on_text,
                        const std::function<void(int32_t)>& on_token) const {
  size_t done = 0;
  for (size_t at = 0; !set.empty() && at < text.size();) {
    const auto* token = longest(set, text.substr(at));
    if (!token) {
      ++at;
      continue;
    }
    size_t start = at, stop = at + token->content.size();
    at = stop;
    if (token->single_word && !stands_alone(text, start, stop)) continue;
    if (token->lstrip) start = std::max(done, start - trailing_space(text.substr(0, start)));
    if (token->rstrip) stop += leading_space(text.substr(stop));
    if (start > done) on_text(text.substr(done, start - done));
    on_token(token->id);
    done = stop;  // before the last one's end, where that took white space which this token has itself
  }
  if (done < text.size()) on_text(text.substr(done));
}

void AddedTokens::split(std::string_view text, const std::function<void(std::string_view)>& on_text,
                        const std::function<void(int32_t)>& on_token) const {
  split(
      first_, text, [&](std::string_view rest) { split(second_, rest, on_text, on_token); }, on_token);
}

}  // namespace trm
