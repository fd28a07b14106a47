#include "tokenizer/trainer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <queue>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/state.h"

namespace trm {
namespace {

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(Pair pair) const {
    return std::hash<uint64_t>{}((static_cast<uint64_t>(pair.first) << 32 | static_cast<uint32_t>(pair.second)) *
                                 0x9E3779B97F4A7C15u);
  }
};

struct Symbol {
  int32_t id;  // -1: merged into the one before
  int32_t previous, next;
  int64_t count;  // of the word
};

struct Occurrences {
  int64_t count = 0;
  std::vector<int32_t> at;  // of the left symbol; some may be outdated
};

struct Candidate {
  int64_t count;
  Pair pair;
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class Learner {
 public:
  Learner(const WordCounts& words, size_t size) : size_(size) {
    for (uint8_t b : bytes_by_symbol()) add_token(byte_symbols()[b]);
    add_words(words);
    for (const auto& [pair, found] : pairs_) candidates_.push({found.count, pair});
  }

  std::shared_ptr<const Bpe> run() {
    while (tokens_.size() < size_ && !candidates_.empty()) {
      const auto [count, pair] = candidates_.top();
      candidates_.pop();
      const auto found = pairs_.find(pair);
      const int64_t now = found == pairs_.end() ? 0 : found->second.count;
      if (now < 2) continue;
      if (now != count) {
        candidates_.push({now, pair});
        continue;
      }
      auto at = std::move(found->second.at);
      pairs_.erase(found);
      merge(pair, at);
    }
    return std::make_shared<const Bpe>(std::move(vocabulary_), std::move(merges_), BpeOptions());
  }

 private:
  int32_t add_token(const std::string& token) {
    const auto [at, is_new] = vocabulary_.emplace(token, static_cast<int32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(token);
    return at->second;
  }

  void add_words(const WordCounts& words) {
    size_t bytes = 0;
    for (const auto& [word, count] : words) bytes += word.size();
    if (bytes > std::numeric_limits<int32_t>::max())
      throw TokenizerError("the texts have " + std::to_string(bytes) +
                           " bytes of distinct words, too many to learn a tokenizer from: "
                           "give at most 2 GiB");
    symbols_.reserve(bytes);
    std::array<int32_t, 256> byte_id;
    for (int i = 0; i < 256; ++i) byte_id[bytes_by_symbol()[i]] = i;
    for (const auto& [word, count] : words) {
      const auto start = static_cast<int32_t>(symbols_.size()), end = start + static_cast<int32_t>(word.size());
      for (int32_t at = start; at < end; ++at)
        symbols_.push_back({byte_id[static_cast<unsigned char>(word[at - start])], at > start ? at - 1 : -1,
                            at + 1 < end ? at + 1 : -1, count});
      for (int32_t at = start; at + 1 < end; ++at) change(at, +1);
    }
  }

  // Counts the pair that starts at `at` once more, or once less, for each time that its word occurs.
  void change(int32_t at, int sign) {
    const auto& left = symbols_[at];
    const Pair pair = {left.id, symbols_[left.next].id};
    if (sign < 0) {
      const auto found = pairs_.find(pair);
      if (found != pairs_.end()) found->second.count -= left.count;
      return;
    }
    auto& occurrences = pairs_[pair];
    occurrences.count += left.count;
    occurrences.at.push_back(at);
  }

  void merge(Pair pair, std::vector<int32_t>& at) {
    const int32_t result = add_token(tokens_[pair.first] + tokens_[pair.second]);
    merges_.emplace_back(tokens_[pair.first], tokens_[pair.second]);
    std::sort(at.begin(), at.end());
    std::vector<Pair> grown;
    for (int32_t here : at) {
      auto& left = symbols_[here];
      if (left.id != pair.first || left.next < 0 || symbols_[left.next].id != pair.second) continue;
      auto& right = symbols_[left.next];
      if (left.previous >= 0) change(left.previous, -1);
      if (right.next >= 0) change(left.next, -1);
      left.id = result;
      left.next = right.next;
      right.id = -1;
      if (left.next >= 0) symbols_[left.next].previous = here;
      for (int32_t start : {left.previous, here}) {
        if (start < 0 || symbols_[start].next < 0) continue;
        change(start, +1);
        grown.emplace_back(symbols_[start].id, symbols_[symbols_[start].next].id);
      }
    }
    std::sort(grown.begin(), grown.end());
    grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
    for (const auto& each : grown) candidates_.push({pairs_[each].count, each});
  }

  size_t size_;
  Bpe::Vocabulary vocabulary_;
  std::vector<std::string> tokens_;
  Bpe::Merges merges_;
  std::vector<Symbol> symbols_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  std::priority_queue<Candidate> candidates_;
};

}  // namespace

std::shared_ptr<const Bpe> learn_bpe(const WordCounts& words, int size) { return Learner(words, size).run(); }

Tokenizer Tokenizer::train(const std::vector<std::string>& texts, int vocab_size,
                           const std::vector<std::string>& special_tokens) {
  auto special = special_tokens;
  std::sort(special.begin(), special.end());
  special.erase(std::unique(special.begin(), special.end()), special.end());
  const int least = 256 + static_cast<int>(special.size());
  if (vocab_size < least)
    throw TokenizerError("a vocabulary of " + std::to_string(vocab_size) + " is too small: 256 bytes and " +
                         std::to_string(special.size()) + " special tokens make " + std::to_string(least));

  std::vector<AddedToken> markers;
  for (const auto& name : special) markers.push_back({.id = static_cast<int32_t>(markers.size()), .content = name});
  const AddedTokens cuts(markers);
  const auto pre_tokenizer = PreTokenizer::gpt2();
  WordCounts words;
  const auto count = [&](std::string_view word) {
    const auto found = words.find(word);
    if (found != words.end())
      ++found->second;
    else
      words.emplace(word, 1);
  };
  for (const auto& text : texts)
    cuts.split(
        text, [&](std::string_view rest) { pre_tokenizer.split(rest, count); }, [](int32_t) {});

  auto model = learn_bpe(words, vocab_size - static_cast<int>(special.size()));
  Tokenizer tokenizer(std::make_shared<State>(std::move(model), pre_tokenizer, AddedTokens()));
  tokenizer.add_special_tokens(special_tokens);
  return tokenizer;
}

}  // namespace trm
