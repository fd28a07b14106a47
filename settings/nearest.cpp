#include "settings/nearest.h"

#include <algorithm>
#include <cctype>
#include <limits>

namespace trm {
namespace {

char small(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

std::string_view last_part(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

/// Distance between a name and a key, in half edits, so that a whole match beats a match of the last part.
int distance(std::string_view name, std::string_view key) {
  const std::string_view word = last_part(name), leaf = last_part(key);
  int best = std::min(2 * edit_distance(name, key), 2 * edit_distance(word, leaf) + 1);
  const auto [shorter, longer] = std::minmax(word, leaf, [](auto a, auto b) { return a.size() < b.size(); });
  if (shorter.size() >= 4 && longer.find(shorter) != std::string_view::npos)
    best = std::min(best, 3 + static_cast<int>(longer.size() - shorter.size()) / 4);
  return best;
}

}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
  const std::size_t longest = 256;
  a = a.substr(0, longest);
  b = b.substr(0, longest);
  std::vector<int> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = small(a[i - 1]) == small(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + !same});
      if (i > 1 && j > 1 && small(a[i - 1]) == small(b[j - 2]) && small(a[i - 2]) == small(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  int least = std::numeric_limits<int>::max();
  for (const std::string& candidate : candidates) {
    const int d = distance(name, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(const std::string& option, const std::vector<std::string>& known) {
  const size_t start = std::min(option.find_first_not_of('-'), option.size());
  const std::string name = option.substr(start, option.find('=') - start), near = nearest(name, known);
  return name.empty() || near.empty() ? "" : " (did you mean --" + near + "?)";
}

bool looks_like(std::string_view name, std::string_view candidate) {
  return distance(name, candidate) <= std::max<int>(3, static_cast<int>(last_part(name).size()) / 2);
}

}  // namespace trm
