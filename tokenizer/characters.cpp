#include <utf8.h>

#include <set>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/state.h"
#include "tokenizer/unicode.h"

namespace trm {

// No merges: each character is a word, a word in the vocabulary is a token (ignore_merges), another one falls to its
// bytes.
Tokenizer Tokenizer::characters(const std::vector<std::string>& texts) {
  std::set<uint32_t> seen;  // characters of more than one byte; the others are among the byte symbols
  for (const auto& text : texts) {
    const std::string valid = to_valid_utf8(text);
    for (const char *at = valid.data(), *end = at + valid.size(); at != end;)
      if (const uint32_t c = utf8::unchecked::next(at); c >= 0x80) seen.insert(c);
  }
  Bpe::Vocabulary vocabulary;
  const auto add = [&](const std::string& token) {
    vocabulary.emplace(token, static_cast<int32_t>(vocabulary.size()));
  };
  for (uint8_t b : bytes_by_symbol()) add(byte_symbols()[b]);
  for (uint32_t c : seen) {
    std::string character;
    utf8::append(c, std::back_inserter(character));
    add(to_symbols(character));
  }
  BpeOptions options;
  options.ignore_merges = true;
  auto model = std::make_shared<const Bpe>(std::move(vocabulary), Bpe::Merges(), options);
  return Tokenizer(std::make_shared<State>(std::move(model), PreTokenizer::characters(), AddedTokens()));
}

}  // namespace trm
