#pragma once
// Votes for the outputs of ARC test inputs: each augmented puzzle's prediction, brought back to the original, is one.
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "puzzles/arc/grid.h"

namespace trm {

struct ArcCandidate {
  ArcGrid grid;  // empty where prune() let it go
  int64_t votes = 0;
  double mean_q = 0;  // mean probability of being right, σ(q_halt)
};

/// The candidates of many test inputs, each by any key. Memory grows with the number of different predictions, by the
/// bytes of the grid (two cells a byte) and a little.
class ArcVotes {
 public:
  void add(const std::string& input, const ArcGrid& prediction, double q);

  /// By (votes, mean q), most first; among equals the one that came first. `keep_grids`: how many are wanted with their
  /// grid.
  std::vector<ArcCandidate> ranked(const std::string& input, size_t keep_grids) const;
  /// The place, from 0, of a grid among the ranked; -1 where nobody voted for it.
  int64_t rank_of(const std::string& input, const ArcGrid& grid) const;
  int64_t votes(const std::string& input) const;

  /// Forgets the grids of all but the first `kept` candidates of each input. What comes to be ranked among these later
  /// has had another vote by then, which brings its grid again.
  void prune(size_t kept);
  void clear() { inputs_.clear(); }

  /// Adds the votes of others, as coming after these.
  void add(const ArcVotes& later);
  /// The same for those of another process, as bytes.
  std::string state() const;
  void merge(const std::string& state);

 private:
  struct Hash {
    uint64_t low, high;
    bool operator==(const Hash&) const = default;
  };
  struct HashOf {
    size_t operator()(const Hash& hash) const { return static_cast<size_t>(hash.low); }
  };
  struct Entry {
    int64_t votes = 0;
    double sum_q = 0;
    uint32_t order = 0;
    std::string packed;  // rows, columns, two cells a byte
    double mean_q() const { return sum_q / static_cast<double>(votes); }
  };
  using Candidates = std::unordered_map<Hash, Entry, HashOf>;

  static void add(Candidates& candidates, const Hash& key, const Entry& later);
  static std::vector<std::pair<Hash, const Entry*>> in_order(const Candidates& candidates);
  static std::string pack(const ArcGrid& grid);
  static ArcGrid unpack(const std::string& packed);
  static Hash hash(const std::string& packed);
  static bool before(const Entry& a, const Entry& b);

  std::map<std::string, Candidates> inputs_;
};

}  // namespace trm
