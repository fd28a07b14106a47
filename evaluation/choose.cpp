#include <cmath>
#include <map>

#include "evaluation/search.h"

namespace trm {
namespace {

struct Votes {
  int64_t count = 0;
  double q = 0;      // sum of σ(q)
  size_t first = 0;  // attempt
};

}  // namespace

std::pair<size_t, int64_t> choose(std::span<const Attempt> attempts, Select select, bool compare_with_continue) {
  const auto score = [&](const Attempt& a) { return compare_with_continue ? a.q_halt - a.q_continue : a.q_halt; };
  std::map<std::vector<int32_t>, Votes> votes;
  for (size_t i = 0; i < attempts.size(); ++i) {
    const auto [entry, fresh] = votes.try_emplace(attempts[i].tokens);
    if (fresh) entry->second.first = i;
    ++entry->second.count;
    entry->second.q += 1 / (1 + std::exp(-static_cast<double>(score(attempts[i]))));
  }
  /// Whether a is better than b.
  const auto better = [&](const Attempt& a, const Attempt& b) {
    switch (select) {
      case Select::first:
        if (a.halts != b.halts) return a.halts;
        if (a.halts && a.steps != b.steps) return a.steps < b.steps;
        return score(a) > score(b);
      case Select::q:
        return score(a) > score(b);
      case Select::residual:
        return std::isnan(b.residual) ? !std::isnan(a.residual) : a.residual < b.residual;
      case Select::vote: {
        const Votes &mine = votes.at(a.tokens), &other = votes.at(b.tokens);
        if (mine.count != other.count) return mine.count > other.count;
        return mine.q > other.q;
      }
    }
    return false;
  };
  size_t best = 0;
  for (size_t i = 1; i < attempts.size(); ++i)
    if (better(attempts[i], attempts[best])) best = i;
  return {best, votes.at(attempts[best].tokens).count};
}

std::vector<View> draw_views(const PuzzleKind& kind, int count, uint64_t seed, int32_t puzzle_identifier) {
  std::vector<View> views{{nullptr, puzzle_identifier}};
  for (int view = 1; view < count; ++view) {
    SplitMix64 random(seed, static_cast<uint64_t>(view));
    views.push_back({kind.draw_symmetry(random), puzzle_identifier});
  }
  return views;
}

}  // namespace trm
