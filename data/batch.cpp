#include "data/batch.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <new>

#include "data/error.h"

namespace trm {
namespace {

constexpr size_t kAlignment = 64;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::shared_ptr<void> heap_memory(size_t bytes) {
  void* memory = ::operator new (bytes, std::align_val_t{kAlignment});
  return {memory, [](void* p) { ::operator delete (p, std::align_val_t{kAlignment}); }};
}

}  // namespace

struct BatchPool::Blocks {
  std::mutex mutex;
  BatchAllocator allocator;
  std::vector<std::shared_ptr<void>> unused;
};

BatchPool::BatchPool(size_t rows, size_t seq_len, BatchAllocator allocator)
    : rows_(rows), seq_len_(seq_len), blocks_(std::make_shared<Blocks>()) {
  blocks_->allocator = allocator ? std::move(allocator) : heap_memory;
}

Batch BatchPool::take() {
  if (rows_ > std::numeric_limits<size_t>::max() / 16 / (seq_len_ + kAlignment)) {
    throw DataError("a batch of " + std::to_string(rows_) + " rows of " + std::to_string(seq_len_) +
                    " tokens does not fit into memory");
  }
  const size_t tokens = aligned(rows_ * seq_len_ * sizeof(int32_t));
  const size_t bytes = 2 * tokens + aligned(rows_ * sizeof(int32_t));
  std::shared_ptr<void> block;
  {
    const std::lock_guard lock(blocks_->mutex);
    if (!blocks_->unused.empty()) {
      block = std::move(blocks_->unused.back());
      blocks_->unused.pop_back();
    } else {
      try {
        block = blocks_->allocator(bytes);
      } catch (const std::bad_alloc&) {  // said below
      }
    }
  }
  if (!block) throw DataError("no memory for a batch of " + std::to_string(bytes) + " bytes");

  Batch batch;
  auto* start = static_cast<std::byte*>(block.get());
  batch.inputs = reinterpret_cast<int32_t*>(start);
  batch.labels = reinterpret_cast<int32_t*>(start + tokens);
  batch.puzzle_identifiers = reinterpret_cast<int32_t*>(start + 2 * tokens);
  batch.rows = rows_;
  batch.seq_len = seq_len_;
  void* address = block.get();
  batch.memory = std::shared_ptr<void>(address, [pool = blocks_, block = std::move(block)](void*) mutable {
    const std::lock_guard lock(pool->mutex);
    pool->unused.push_back(std::move(block));
  });
  return batch;
}

void fill_batch(const Dataset& dataset, std::span<const ExampleRef> refs, Batch& batch, const Augment& augment) {
  const Metadata& metadata = dataset.metadata();
  batch.real_rows = refs.size();
  batch.set = refs.empty() ? 0 : refs.front().set;
  for (size_t row = 0; row < refs.size(); ++row) {
    const ExampleSet& set = dataset.sets()[refs[row].set];
    const std::span<int32_t> inputs(batch.inputs + row * batch.seq_len, batch.seq_len),
        labels(batch.labels + row * batch.seq_len, batch.seq_len);
    set.read_example(refs[row].example, inputs, labels);
    if (augment) augment(refs[row].draw, inputs, labels);
    batch.puzzle_identifiers[row] = set.puzzle_identifiers[refs[row].puzzle];
  }
  const size_t filled = refs.size() * batch.seq_len, all = batch.rows * batch.seq_len;
  std::fill(batch.inputs + filled, batch.inputs + all, metadata.pad_id);
  std::fill(batch.labels + filled, batch.labels + all, -100);
  std::fill(batch.puzzle_identifiers + refs.size(), batch.puzzle_identifiers + batch.rows,
            metadata.blank_identifier_id);
}

}  // namespace trm
