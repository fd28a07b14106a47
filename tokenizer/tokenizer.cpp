#include "tokenizer/tokenizer.h"

#include <utf8.h>

#include <algorithm>

#include "text/printable.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/state.h"
#include "tokenizer/unicode.h"

namespace trm {

Tokenizer::State::State(std::shared_ptr<const Bpe> model_, PreTokenizer pre_tokenizer_, AddedTokens added_,
                        std::string post_processor_)
    : model(std::move(model_)),
      pre_tokenizer(std::move(pre_tokenizer_)),
      added(std::move(added_)),
      post_processor(std::move(post_processor_)) {
  const auto& vocabulary = model->vocabulary();
  size_t count = vocabulary.size();
  for (const auto& [id, token] : added.tokens()) count += !vocabulary.contains(token.content);
  tokens.resize(count);
  bytes.resize(count);
  std::vector<bool> taken(count);
  const auto place = [&](const std::string& token, int32_t id, const std::string& stands_for) {
    if (id < 0 || static_cast<size_t>(id) >= count) return;  // then another is missing
    if (taken[id] && tokens[id] != token)
      throw TokenizerError("the tokens \"" + printable(tokens[id]) + "\" and \"" + printable(token) +
                           "\" have the same id " + std::to_string(id));
    taken[id] = true;
    tokens[id] = token;
    bytes[id] = stands_for;
  };
  for (const auto& [token, id] : vocabulary) place(token, id, to_bytes(token).value_or(token));
  for (const auto& [id, token] : added.tokens()) {
    const auto found = vocabulary.find(token.content);
    if (found != vocabulary.end() && found->second != id)
      throw TokenizerError("added token \"" + printable(token.content) + "\" has id " + std::to_string(id) + ", but " +
                           std::to_string(found->second) + " in the vocabulary");
    place(token.content, id, token.content);
  }
  const auto missing = std::find(taken.begin(), taken.end(), false);
  if (missing != taken.end())
    throw TokenizerError("of " + std::to_string(count) + " tokens none has id " +
                         std::to_string(missing - taken.begin()) + ": ids must run from 0 without a gap");
}

Tokenizer::Tokenizer(std::shared_ptr<State> state) : state_(std::move(state)) {}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 1);
  state_->added.split(
      text,
      [&](std::string_view rest) {
        state_->pre_tokenizer.split(rest, [&](std::string_view word) { state_->model->encode(word, ids); });
      },
      [&](int32_t id) { ids.push_back(id); });
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  for (int32_t id : ids) {
    const auto piece = bytes(id);
    if (!(skip_special && is_special(id))) text += piece;
  }
  return to_valid_utf8(text);
}

int Tokenizer::vocab_size() const { return static_cast<int>(state_->tokens.size()); }

std::optional<int32_t> Tokenizer::token_id(std::string_view token) const {
  if (const auto* added = state_->added.find(token)) return added->id;
  const auto& vocabulary = state_->model->vocabulary();
  const auto found = vocabulary.find(token);
  return found == vocabulary.end() ? std::nullopt : std::optional(found->second);
}

std::string Tokenizer::token(int32_t id) const {
  bytes(id);
  return state_->tokens[id];
}

std::string_view Tokenizer::bytes(int32_t id) const {
  if (id < 0 || id >= vocab_size())
    throw TokenizerError("token id " + std::to_string(id) + " is not in the tokenizer's vocabulary of " +
                         std::to_string(vocab_size()));
  return state_->bytes[id];
}

bool Tokenizer::is_special(int32_t id) const {
  const auto* added = state_->added.find(id);
  return added && added->special;
}

std::vector<int32_t> Tokenizer::add_special_tokens(const std::vector<std::string>& names) {
  auto added = state_->added.tokens();
  int32_t next = vocab_size();
  std::vector<int32_t> ids;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& name = names[i];
    if (name.empty()) throw TokenizerError("a special token may not be empty");
    if (!utf8::is_valid(name.begin(), name.end())) throw TokenizerError("a special token is not valid UTF-8");
    const auto earlier = std::find(names.begin(), names.begin() + i, name) - names.begin();
    const auto known = static_cast<size_t>(earlier) < i ? std::optional(ids[earlier]) : token_id(name);
    const int32_t id = known ? *known : next++;
    ids.push_back(id);
    auto& token = added.try_emplace(id, AddedToken{.id = id, .content = name}).first->second;
    token.special = true;
  }
  std::vector<AddedToken> list;
  for (auto& [id, token] : added) list.push_back(std::move(token));
  const State& old = *state_;
  state_ = std::make_shared<State>(old.model, old.pre_tokenizer, AddedTokens(list), old.post_processor);
  return ids;
}

}  // namespace trm
