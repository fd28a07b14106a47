#include "tokenizer/same_tokens.h"

#include <nlohmann/json.hpp>

#include "text/json.h"

namespace trm {
namespace {

/// What decides it, in the one order that to_json() writes it in.
nlohmann::json deciding(const Tokenizer& tokenizer) {
  const nlohmann::json whole = parse_json(tokenizer.to_json());
  nlohmann::json added = nlohmann::json::array();
  for (const auto& token : whole.at("added_tokens")) added.push_back({token.at("id"), token.at("content")});
  return {whole.at("model").at("vocab"), whole.at("model").at("merges"), added};
}

}  // namespace

bool same_tokens(const Tokenizer& a, const Tokenizer& b) {
  return a.vocab_size() == b.vocab_size() && deciding(a) == deciding(b);
}

}  // namespace trm
