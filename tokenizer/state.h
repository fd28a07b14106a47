#pragma once
// What a Tokenizer is made of.
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace trm {

struct Tokenizer::State {
  /// Throws TokenizerError if the ids of model and added tokens together are not each of 0 … n-1 once.
  State(std::shared_ptr<const Bpe> model, PreTokenizer pre_tokenizer, AddedTokens added,
        std::string post_processor = "null");

  std::shared_ptr<const Bpe> model;
  PreTokenizer pre_tokenizer;
  AddedTokens added;
  std::string post_processor;       // JSON, kept for saving only
  std::vector<std::string> tokens;  // by id, as in the vocabulary
  std::vector<std::string> bytes;   // by id, what they stand for
};

}  // namespace trm
