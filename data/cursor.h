#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace trm {

enum class DatasetType { kPuzzle, kChat };

/// "puzzle" or "chat"; throws DataError for anything else.
DatasetType parse_dataset_type(const std::string& name);

/// A place in the order of a run's examples: restored, the same batches follow as if the run had never stopped.
struct Cursor {
  uint64_t epoch = 0;      ///< passes over all sets that are complete
  uint64_t set = 0;        ///< the set being visited
  uint64_t position = 0;   ///< groups (puzzle) or examples (chat, evaluation) of that set already visited
  uint64_t generator = 0;  ///< state of the generator behind the draws after this place
  // What the place is valid for: another seed, order or dataset is refused when restoring.
  uint64_t seed = 0;
  uint64_t order = 0;  ///< 0 puzzle, 1 chat, 2 evaluation
  uint64_t examples = 0;
  uint64_t groups = 0;

  bool operator==(const Cursor&) const = default;

  /// A version number and the fields, for a checkpoint.
  std::vector<uint64_t> to_vector() const;

  /// Throws DataError for a vector that to_vector did not write.
  static Cursor from_vector(std::span<const uint64_t> values);
};

}  // namespace trm
