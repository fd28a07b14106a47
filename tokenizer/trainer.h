#pragma once
// Learning byte-pair merges (Sennrich et al. 2016).
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "tokenizer/bpe.h"

namespace trm {

using WordCounts = std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>>;

/// The 256 byte symbols (ordered as in GPT-2) and merges of the most frequent adjacent pair, until there are `size`
/// tokens or no pair occurs twice. Of equally frequent pairs the one of the lowest left id, then right id, comes first.
/// Time: O(symbols in distinct words + occurrences merged), whatever the words' lengths. Throws TokenizerError if the
/// distinct words have 2³¹ bytes or more.
std::shared_ptr<const Bpe> learn_bpe(const WordCounts& words, int size);

}  // namespace trm
