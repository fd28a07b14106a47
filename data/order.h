#pragma once
// In which order a run visits the examples.
#include <cstdint>
#include <memory>
#include <vector>

#include "data/cursor.h"
#include "data/dataset.h"

namespace trm {

/// An example by its set, and its puzzle there.
struct ExampleRef {
  uint32_t set;
  uint64_t example;
  uint64_t puzzle;
  uint64_t draw = 0;  ///< training: a number of its own for each example of a run, by its place in the order

  bool operator==(const ExampleRef&) const = default;
};

/// One batch after the other; holds no data, only places.
class Order {
 public:
  virtual ~Order() = default;

  /// The next batch's examples into `refs` (cleared first); false at the end.
  virtual bool next(std::vector<ExampleRef>& refs) = 0;

  /// The place after the last batch.
  virtual Cursor cursor() const = 0;

  /// Throws DataError if the cursor is of another seed, order or dataset.
  virtual void restore(const Cursor& cursor) = 0;
};

/// Training. An epoch visits the sets one after the other. In each, a permutation drawn from (seed, epoch, set):
/// puzzle: of the groups; from each a random puzzle; from it, up to the room left in the batch, examples without
/// replacement. chat: of the examples. Every batch is full: batches run on across sets and epochs, and only what is
/// left after the last epoch is dropped. The dataset must outlive the order. Throws DataError for a batch size of 0.
std::unique_ptr<Order> training_order(const Dataset& dataset, DatasetType type, uint64_t seed, uint64_t epochs,
                                      uint64_t batch_size);

/// Evaluation: each set from its first to its last example; a set's last batch may be short. Throws as above.
std::unique_ptr<Order> evaluation_order(const Dataset& dataset, uint64_t batch_size);

}  // namespace trm
