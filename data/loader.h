#pragma once
#include <memory>
#include <optional>

#include "data/batch.h"
#include "data/cursor.h"
#include "data/dataset.h"

namespace trm {

struct LoaderOptions {
  uint64_t batch_size = 0;   ///< of the global batch: it decides the order
  uint64_t first_row = 0;    ///< the rows of it that batches here have: of several processes, one's share
  uint64_t rows = 0;         ///< 0: all from first_row on
  int num_workers = 0;       ///< threads that make batches ahead; 0: in the calling thread. The batches are the same.
  int prefetch = 2;          ///< batches made ahead per worker
  BatchAllocator allocator;  ///< empty: aligned heap memory
  Augment augment;           ///< of training examples as they are loaded; empty: none

  uint64_t rows_here() const { return rows > 0 ? rows : batch_size - first_row; }
};

/// Batches in the order of a run. To be used from one thread.
class Loader {
 public:
  /// Training, in the order of training_order(). Throws DataError for impossible options.
  static Loader training(std::shared_ptr<const Dataset> dataset, DatasetType type, uint64_t seed, uint64_t epochs,
                         const LoaderOptions& options);

  /// Evaluation, in the order of evaluation_order(): short batches are padded, see Batch::real_rows.
  static Loader evaluation(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);

  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;
  ~Loader();  ///< stops the threads after the batch that each is making

  /// The next batch; nothing at the end. What went wrong while making it is thrown here, and again at each later call.
  std::optional<Batch> next();

  /// The place after the last batch that next() returned, whatever has been made ahead.
  Cursor cursor() const;

  /// Continues from a place that cursor() returned, in this run or another one with the same seed and dataset.
  /// Throws DataError if it is of another run; the loader then stays where it was.
  void restore(const Cursor& cursor);

 private:
  struct State;
  explicit Loader(std::unique_ptr<State> state);
  static Loader make(std::shared_ptr<const Dataset> dataset, std::unique_ptr<Order> order,
                     const LoaderOptions& options);

  std::unique_ptr<State> state_;
};

}  // namespace trm
