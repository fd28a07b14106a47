#pragma once
#include "tokenizer/tokenizer.h"

namespace trm {

/// Whether the same ids mean the same texts and are made of texts alike: equal vocabulary, merges and added tokens.
bool same_tokens(const Tokenizer& a, const Tokenizer& b);

}  // namespace trm
