#include "tokenizer/bpe.h"

#include <queue>

#include "text/printable.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace trm {
namespace {

constexpr size_t kCachedLength = 128, kCachedWords = 1 << 17;

uint64_t key(int32_t left, int32_t right) { return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right); }

struct Symbol {
  int32_t id;  // -1: merged into the one before
  int64_t previous, next;
};

struct Candidate {
  int32_t rank, result;
  int64_t at;
  bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
};

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, Merges merges, BpeOptions options)
    : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), options_(std::move(options)), byte_ids_(256, -1) {
  bool complete = true;
  for (int b = 0; b < 256; ++b) {
    const auto found = vocabulary_.find(byte_symbols()[b]);
    if (found != vocabulary_.end()) byte_ids_[b] = found->second;
    complete = complete && byte_ids_[b] >= 0;
  }
  if (options_.unk_token) {
    const auto found = vocabulary_.find(*options_.unk_token);
    if (found != vocabulary_.end())
      unk_ = found->second;
    else if (!complete)
      throw TokenizerError("unk_token \"" + printable(*options_.unk_token) + "\" is not in the vocabulary");
  }
  ranks_.reserve(merges_.size());
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    const auto id = [&](const std::string& token) {
      const auto found = vocabulary_.find(token);
      if (found == vocabulary_.end())
        throw TokenizerError("merge " + std::to_string(rank + 1) + " (\"" + printable(merges_[rank].first) + " " +
                             printable(merges_[rank].second) + "\") names the token \"" + printable(token) +
                             "\", which is not in the vocabulary");
      return found->second;
    };
    const auto& [left, right] = merges_[rank];
    const int32_t left_id = id(left), right_id = id(right), result = id(left + right);
    ranks_[key(left_id, right_id)] = {static_cast<int32_t>(rank), result};
  }
}

const Bpe::Merge* Bpe::find_merge(int32_t left, int32_t right) const {
  const auto found = ranks_.find(key(left, right));
  return found == ranks_.end() ? nullptr : &found->second;
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids) const {
  const auto append = [&](const std::vector<int32_t>& tokens) { ids.insert(ids.end(), tokens.begin(), tokens.end()); };
  if (word.size() == 1 && byte_ids_[static_cast<unsigned char>(word[0])] >= 0) {
    ids.push_back(byte_ids_[static_cast<unsigned char>(word[0])]);
  } else if (word.size() > kCachedLength) {
    append(merge(word));
  } else {
    {
      const std::lock_guard lock(mutex_);
      const auto found = cache_.find(word);
      if (found != cache_.end()) return append(found->second);
    }
    auto tokens = merge(word);
    append(tokens);
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= kCachedWords) cache_.clear();
    cache_.emplace(word, std::move(tokens));
  }
}

std::vector<int32_t> Bpe::symbols(std::string_view word) const {
  std::vector<int32_t> ids;
  ids.reserve(word.size());
  bool after_unk = false;
  for (unsigned char b : word) {
    const bool known = byte_ids_[b] >= 0;
    if (known)
      ids.push_back(byte_ids_[b]);
    else if (unk_ >= 0 && !(after_unk && options_.fuse_unk))
      ids.push_back(unk_);
    after_unk = !known;
  }
  return ids;
}

// Merges the pair of lowest rank, leftmost first, until there is none: O(n log n) with a heap of candidates over a
// linked list.
std::vector<int32_t> Bpe::merge(std::string_view word) const {
  if (options_.ignore_merges) {
    const auto found = vocabulary_.find(to_symbols(word));
    if (found != vocabulary_.end()) return {found->second};
  }
  std::vector<int32_t> ids = symbols(word);
  const auto count = static_cast<int64_t>(ids.size());
  std::vector<Symbol> list(ids.size());
  for (int64_t i = 0; i < count; ++i) list[i] = {ids[i], i - 1, i + 1 < count ? i + 1 : -1};

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](int64_t at) {
    if (at < 0 || list[at].next < 0) return;
    if (const auto* found = find_merge(list[at].id, list[list[at].next].id))
      candidates.push({found->rank, found->result, at});
  };
  for (int64_t i = 0; i + 1 < count; ++i) consider(i);

  while (!candidates.empty()) {
    const auto [rank, result, at] = candidates.top();
    candidates.pop();
    auto& left = list[at];
    if (left.id < 0 || left.next < 0) continue;
    auto& right = list[left.next];
    const auto* still = find_merge(left.id, right.id);
    if (!still || still->result != result) continue;
    left.id = result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) list[left.next].previous = at;
    consider(left.previous);
    consider(at);
  }
  ids.clear();
  for (const auto& symbol : list)
    if (symbol.id >= 0) ids.push_back(symbol.id);
  return ids;
}

}  // namespace trm
