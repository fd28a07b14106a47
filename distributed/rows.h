#pragma once
#include <cstdint>

namespace trm {

/// The rows of the global batch that one process works on: [first, first + count) of [0, total).
struct RowRange {
  int64_t first = 0, count = 1, total = 1;

  RowRange() = default;
  RowRange(int64_t first_, int64_t count_, int64_t total_) : first(first_), count(count_), total(total_) {}
  bool all() const { return count == total; }
  bool operator==(const RowRange&) const = default;
};

/// All rows of a batch.
inline RowRange all_rows(int64_t total) { return {0, total, total}; }

/// The share of process `rank` of `size`: equal shares, one behind the other. Throws std::runtime_error naming both
/// numbers where `total` (global_batch_size) is not divisible.
RowRange rows_of(int rank, int size, int64_t total);

}  // namespace trm
