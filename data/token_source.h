#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace trm {

/// Which tokenizer a builder uses: a given one, else one for each character, else one learned from the training split.
struct TokenSource {
  std::optional<std::filesystem::path> tokenizer;
  bool characters = false;
  int vocab_size = 4096;
};

/// The tokenizer with `special_tokens` added, those that it lacks. `texts` is what one is learned from.
/// Throws TokenizerError or DataError.
Tokenizer make_tokenizer(const TokenSource& source, const std::vector<std::string>& texts,
                         const std::vector<std::string>& special_tokens);

/// Writes <dataset>/tokenizer/: tokenizer.json and the tokenizer_config.json by which `transformers` opens it.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& dataset);

/// Encodes the texts on all cores, in order.
std::vector<std::vector<int32_t>> encode_all(const Tokenizer& tokenizer, const std::vector<std::string>& texts);

}  // namespace trm
