#pragma once
// The byte-pair encoding model: a vocabulary of byte-level tokens and ranked merges.
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trm {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct BpeOptions {
  std::optional<std::string> unk_token;  // for bytes that have no token; without it they are dropped
  bool fuse_unk = false;                 // one unk_token for a run of them
  bool ignore_merges = false;            // a word that is itself a token is not merged
};

class Bpe {
 public:
  using Vocabulary = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;
  using Merges = std::vector<std::pair<std::string, std::string>>;

  /// Merges by rank. Throws TokenizerError for a merge or unk_token that names a token not in the vocabulary.
  Bpe(Vocabulary vocabulary, Merges merges, BpeOptions options);

  /// Appends the tokens of one word (any bytes).
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Merges& merges() const { return merges_; }
  const BpeOptions& options() const { return options_; }

 private:
  struct Merge {
    int32_t rank, result;
  };
  std::vector<int32_t> symbols(std::string_view word) const;
  std::vector<int32_t> merge(std::string_view word) const;
  const Merge* find_merge(int32_t left, int32_t right) const;

  Vocabulary vocabulary_;
  Merges merges_;
  BpeOptions options_;
  std::vector<int32_t> byte_ids_;  // -1 where the vocabulary lacks the byte
  int32_t unk_ = -1;
  std::unordered_map<uint64_t, Merge> ranks_;

  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::vector<int32_t>, StringHash, std::equal_to<>> cache_;
};

}  // namespace trm
