#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "data/order.h"

namespace trm {

/// Gives memory for batches, at least 64-byte aligned; called from loader threads, one call at a time. Page-locked
/// memory for a GPU comes in this way.
using BatchAllocator = std::function<std::shared_ptr<void>(size_t bytes)>;

/// One batch in host memory; a copy shares the memory, which returns to the loader's pool when the last copy goes.
struct Batch {
  int32_t* inputs = nullptr;              ///< [rows, seq_len]
  int32_t* labels = nullptr;              ///< [rows, seq_len], -100 where there is nothing to predict
  int32_t* puzzle_identifiers = nullptr;  ///< [rows]
  size_t rows = 0;                        ///< the rows here: of several processes, one's share of the batch size
  size_t seq_len = 0;
  size_t real_rows = 0;  ///< the rows behind these are padding: pad_id, -100 and the blank identifier
  uint32_t set = 0;      ///< of the batch's first row, an index into Dataset::sets(); an evaluation batch is of one set
  std::shared_ptr<void> memory;

  std::span<const int32_t> input_row(size_t row) const { return {inputs + row * seq_len, seq_len}; }
  std::span<const int32_t> label_row(size_t row) const { return {labels + row * seq_len, seq_len}; }
};

/// Memory blocks of one size, made by an allocator and used again.
class BatchPool {
 public:
  /// An empty allocator means 64-byte aligned heap memory.
  BatchPool(size_t rows, size_t seq_len, BatchAllocator allocator);

  /// A batch of the pool's shape with uninitialised contents.
  Batch take();

 private:
  struct Blocks;
  size_t rows_, seq_len_;
  std::shared_ptr<Blocks> blocks_;
};

/// Changes an example, inputs and labels [seq_len], in a way that depends on its draw alone (ExampleRef::draw). Called
/// from several threads at once.
using Augment = std::function<void(uint64_t draw, std::span<int32_t> inputs, std::span<int32_t> labels)>;

/// Copies the examples into the batch, augments them unless `augment` is empty, and pads the rows left. Throws
/// DataError as ExampleSet::read_example.
void fill_batch(const Dataset& dataset, std::span<const ExampleRef> refs, Batch& batch, const Augment& augment = {});

}  // namespace trm
