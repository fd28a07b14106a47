#include "evaluation/arc_votes.h"

#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace trm {

std::string ArcVotes::pack(const ArcGrid& grid) {
  std::string packed{static_cast<char>(grid.rows), static_cast<char>(grid.columns)};
  for (size_t i = 0; i < grid.colours.size(); i += 2) {
    const int second = i + 1 < grid.colours.size() ? grid.colours[i + 1] : 0;
    packed += static_cast<char>(grid.colours[i] | second << 4);
  }
  return packed;
}

ArcGrid ArcVotes::unpack(const std::string& packed) {
  ArcGrid grid;
  if (packed.empty()) return grid;
  grid.rows = packed[0];
  grid.columns = packed[1];
  const auto cells = static_cast<size_t>(grid.rows * grid.columns);
  for (size_t i = 0; i < cells; ++i) {
    const auto pair = static_cast<uint8_t>(packed.at(2 + i / 2));
    grid.colours.push_back(i % 2 == 0 ? pair & 15 : pair >> 4);
  }
  return grid;
}

ArcVotes::Hash ArcVotes::hash(const std::string& packed) {
  const XXH128_hash_t value = XXH3_128bits(packed.data(), packed.size());
  return {value.low64, value.high64};
}

bool ArcVotes::before(const Entry& a, const Entry& b) {
  if (a.votes != b.votes) return a.votes > b.votes;
  const double qa = a.mean_q(), qb = b.mean_q();
  return qa != qb ? qa > qb : a.order < b.order;
}

void ArcVotes::add(const std::string& input, const ArcGrid& prediction, double q) {
  std::string packed = pack(prediction);
  Candidates& candidates = inputs_[input];
  Entry& entry = candidates[hash(packed)];
  if (entry.votes == 0) entry.order = static_cast<uint32_t>(candidates.size());
  ++entry.votes;
  entry.sum_q += q;
  entry.packed = std::move(packed);
}

std::vector<ArcCandidate> ArcVotes::ranked(const std::string& input, size_t keep_grids) const {
  const auto found = inputs_.find(input);
  if (found == inputs_.end()) return {};
  std::vector<const Entry*> order;
  for (const auto& [key, entry] : found->second) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) { return before(*a, *b); });
  std::vector<ArcCandidate> ranked;
  for (const Entry* entry : order)
    ranked.push_back({ranked.size() < keep_grids ? unpack(entry->packed) : ArcGrid{}, entry->votes, entry->mean_q()});
  return ranked;
}

int64_t ArcVotes::rank_of(const std::string& input, const ArcGrid& grid) const {
  const auto found = inputs_.find(input);
  if (found == inputs_.end()) return -1;
  const auto own = found->second.find(hash(pack(grid)));
  if (own == found->second.end()) return -1;
  return std::count_if(found->second.begin(), found->second.end(),
                       [&](const auto& other) { return before(other.second, own->second); });
}

int64_t ArcVotes::votes(const std::string& input) const {
  const auto found = inputs_.find(input);
  int64_t all = 0;
  if (found != inputs_.end())
    for (const auto& [key, entry] : found->second) all += entry.votes;
  return all;
}

void ArcVotes::prune(size_t kept) {
  for (auto& [input, candidates] : inputs_) {
    if (candidates.size() <= kept) continue;
    std::vector<Entry*> order;
    for (auto& [key, entry] : candidates) order.push_back(&entry);
    const auto rest = order.begin() + static_cast<std::ptrdiff_t>(kept);
    std::nth_element(order.begin(), rest, order.end(), [](const Entry* a, const Entry* b) { return before(*a, *b); });
    for (auto entry = rest; entry != order.end(); ++entry) std::string().swap((*entry)->packed);
  }
}

void ArcVotes::add(Candidates& candidates, const Hash& key, const Entry& later) {
  Entry& entry = candidates[key];
  if (entry.votes == 0) entry.order = static_cast<uint32_t>(candidates.size());
  entry.votes += later.votes;
  entry.sum_q += later.sum_q;
  if (entry.packed.empty()) entry.packed = later.packed;
}

std::vector<std::pair<ArcVotes::Hash, const ArcVotes::Entry*>> ArcVotes::in_order(const Candidates& candidates) {
  std::vector<std::pair<Hash, const Entry*>> order;
  for (const auto& [key, entry] : candidates) order.emplace_back(key, &entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second->order < b.second->order; });
  return order;
}

void ArcVotes::add(const ArcVotes& later) {
  for (const auto& [input, candidates] : later.inputs_)
    for (const auto& [key, entry] : in_order(candidates)) add(inputs_[input], key, *entry);
}

std::string ArcVotes::state() const {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [input, candidates] : inputs_) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [key, entry] : in_order(candidates))
      list.push_back({key.low, key.high, entry->votes, entry->sum_q,
                      nlohmann::json::binary({entry->packed.begin(), entry->packed.end()})});
    all.push_back({nlohmann::json::binary({input.begin(), input.end()}), std::move(list)});
  }
  std::string bytes;
  nlohmann::json::to_cbor(all, bytes);
  return bytes;
}

void ArcVotes::merge(const std::string& state) {
  const auto text = [](const nlohmann::json& item) {
    const auto& bytes = item.get_binary();
    return std::string(bytes.begin(), bytes.end());
  };
  for (const auto& input : nlohmann::json::from_cbor(state)) {
    Candidates& candidates = inputs_[text(input.at(0))];
    for (const auto& item : input.at(1)) {
      const Hash key{item.at(0).get<uint64_t>(), item.at(1).get<uint64_t>()};
      add(candidates, key, {item.at(2).get<int64_t>(), item.at(3).get<double>(), 0, text(item.at(4))});
    }
  }
}

}  // namespace trm
