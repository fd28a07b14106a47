#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "data/error.h"
#include "data/order.h"

namespace trm {

struct Loader::State {
  State(std::shared_ptr<const Dataset> dataset_, std::unique_ptr<Order> order_, const LoaderOptions& options)
      : dataset(std::move(dataset_)),
        order(std::move(order_)),
        cursor(order->cursor()),
        first_row(options.first_row),
        rows(options.rows_here()),
        pool(rows, static_cast<size_t>(dataset->metadata().seq_len), options.allocator),
        augment(options.augment),
        num_workers(options.num_workers),
        capacity(static_cast<size_t>(options.num_workers) * static_cast<size_t>(options.prefetch)) {}

  ~State() { stop_workers(); }

  /// What becomes of one batch: a batch and the place after it, an error, or neither at the end.
  struct Slot {
    bool ready = false;
    std::optional<Batch> batch;
    Cursor after;
    std::exception_ptr error;
  };

  /// Draws the next batch's examples. Called with the mutex held: this is what makes the order independent of workers.
  void draw(Slot& slot, std::vector<ExampleRef>& refs) {
    try {
      drawn_all = !order->next(refs);
      slot.after = order->cursor();
    } catch (...) {
      slot.error = std::current_exception();
      drawn_all = true;
    }
  }

  void make(Slot& slot, std::span<const ExampleRef> refs) {
    try {
      Batch batch = pool.take();
      const auto first = std::min<size_t>(first_row, refs.size());
      fill_batch(*dataset, refs.subspan(first, std::min<size_t>(rows, refs.size() - first)), batch, augment);
      batch.set = refs.front().set;
      slot.batch = std::move(batch);
    } catch (...) {
      slot.error = std::current_exception();
    }
  }

  void work() {
    std::vector<ExampleRef> refs;
    std::unique_lock lock(mutex);
    while (true) {
      room.wait(lock, [&] { return stopping || (!drawn_all && slots.size() < capacity); });
      if (stopping) return;
      try {
        slots.push_back(std::make_unique<Slot>());
      } catch (...) {  // no memory: after the batches that are there, take() says so
        no_slot = std::current_exception();
        drawn_all = true;
        ready.notify_all();
        continue;
      }
      Slot& slot = *slots.back();
      draw(slot, refs);
      if (!drawn_all) {
        lock.unlock();
        make(slot, refs);
        lock.lock();
      }
      slot.ready = true;
      ready.notify_all();
    }
  }

  /// Where threads are limited, those that start do the work; without any, batches are made in the calling thread.
  void start_workers() {
    try {
      for (int i = 0; i < num_workers; ++i) workers.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      num_workers = static_cast<int>(workers.size());
    }
  }

  void stop_workers() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    room.notify_all();
    for (std::thread& worker : workers) worker.join();
    workers.clear();
    slots.clear();
    stopping = false;
    no_slot = nullptr;
  }

  std::unique_ptr<Slot> take() {
    if (num_workers > 0 && workers.empty()) start_workers();
    if (num_workers == 0) {
      auto slot = std::make_unique<Slot>();
      std::vector<ExampleRef> refs;
      draw(*slot, refs);
      if (!drawn_all) make(*slot, refs);
      return slot;
    }
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return slots.empty() ? no_slot != nullptr : slots.front()->ready; });
    if (slots.empty()) std::rethrow_exception(no_slot);
    std::unique_ptr<Slot> slot = std::move(slots.front());
    slots.pop_front();
    lock.unlock();
    room.notify_all();
    return slot;
  }

  std::shared_ptr<const Dataset> dataset;
  std::unique_ptr<Order> order;
  Cursor cursor;
  uint64_t first_row, rows;
  BatchPool pool;
  Augment augment;
  int num_workers;
  size_t capacity;

  std::exception_ptr failed;  // thrown again at each call
  bool ended = false;

  std::mutex mutex;  // guards order, drawn_all, slots, stopping, no_slot
  std::condition_variable room, ready;
  bool drawn_all = false;
  bool stopping = false;
  std::exception_ptr no_slot;               // why a worker could not begin a batch
  std::deque<std::unique_ptr<Slot>> slots;  // in the order of the batches
  std::vector<std::thread> workers;
};

Loader Loader::make(std::shared_ptr<const Dataset> dataset, std::unique_ptr<Order> order,
                    const LoaderOptions& options) {
  if (options.num_workers < 0 || options.num_workers > 256) {
    throw DataError("num_workers is " + std::to_string(options.num_workers) + "; 0 to 256 is needed");
  }
  if (options.first_row >= options.batch_size || options.rows_here() > options.batch_size - options.first_row)
    throw DataError("rows " + std::to_string(options.first_row) + " to " +
                    std::to_string(options.first_row + options.rows_here()) + " are not in a batch of " +
                    std::to_string(options.batch_size));
  if (options.prefetch < 1)
    throw DataError("prefetch is " + std::to_string(options.prefetch) + "; at least 1 is needed");
  return Loader(std::make_unique<State>(std::move(dataset), std::move(order), options));
}

Loader Loader::training(std::shared_ptr<const Dataset> dataset, DatasetType type, uint64_t seed, uint64_t epochs,
                        const LoaderOptions& options) {
  auto order = training_order(*dataset, type, seed, epochs, options.batch_size);
  return make(std::move(dataset), std::move(order), options);
}

Loader Loader::evaluation(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options) {
  auto order = evaluation_order(*dataset, options.batch_size);
  return make(std::move(dataset), std::move(order), options);
}

Loader::Loader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;
Loader::~Loader() = default;

std::optional<Batch> Loader::next() {
  State& state = *state_;
  if (state.failed) std::rethrow_exception(state.failed);
  if (state.ended) return std::nullopt;
  const std::unique_ptr<State::Slot> slot = state.take();
  if (slot->error) {
    state.failed = slot->error;
    std::rethrow_exception(state.failed);
  }
  if (!slot->batch) {
    state.ended = true;
    return std::nullopt;
  }
  state.cursor = slot->after;
  return std::move(slot->batch);
}

Cursor Loader::cursor() const { return state_->cursor; }

void Loader::restore(const Cursor& cursor) {
  State& state = *state_;
  state.stop_workers();
  try {
    state.order->restore(cursor);
  } catch (...) {
    state.order->restore(state.cursor);  // what was made ahead is gone: back to the last batch handed out
    state.drawn_all = state.ended;
    throw;
  }
  state.cursor = cursor;
  state.drawn_all = false;
  state.ended = false;
  state.failed = nullptr;
}

}  // namespace trm
