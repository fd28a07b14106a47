#pragma once
// The parts of a tokenizer.json that vocab.json and merges.txt have too.
#include <string>
#include <string_view>

#include "tokenizer/bpe.h"

namespace trm {

/// A JSON object of token to id. Throws TokenizerError with `name`, and line and column where the text is not JSON.
Bpe::Vocabulary parse_vocabulary(const std::string& text, const std::string& name);

/// "left right" onto the end of `merges`; false if it is not of that form.
bool parse_merge(std::string_view line, Bpe::Merges& merges);

}  // namespace trm
