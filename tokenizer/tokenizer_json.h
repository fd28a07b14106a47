#pragma once
// The parts of a tokenizer.json that vocab.json and merges.txt have too.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe.h"

namespace trm {

/// A JSON object of token to id. Throws TokenizerError with `name`, and line and column where the text is not JSON.
Bpe::Vocabulary parse_vocabulary(const std::string& text, const std::string& name);

/// What a part of a tokenizer.json is made of, in order: a Sequence, whose items are under `list`, and those within it
/// laid out flat. Throws TokenizerError for a Sequence without a list.
std::vector<nlohmann::json> parts_of(const nlohmann::json& part, const char* list);

/// "left right" onto the end of `merges`; false if it is not of that form.
bool parse_merge(std::string_view line, Bpe::Merges& merges);

}  // namespace trm
