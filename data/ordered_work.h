#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace trm {

/// Runs jobs on `threads` threads and hands their results over in the jobs' order.
/// next() -> std::optional<Job>, one call at a time; work(Job) -> Result, on any thread; take(Result) -> bool, in the
/// calling thread, false to stop early. At most `ahead_a_thread` results a thread are made ahead. An exception ends the
/// work: that of the first job in order is thrown, after all threads have ended.
template <class Next, class Work, class Take>
void ordered_work(int threads, Next next, Work work, Take take, int ahead_a_thread = 4) {
  using Job = typename decltype(next())::value_type;
  using Result = decltype(work(std::declval<Job&>()));
  struct Slot {
    std::optional<Result> result;
    std::exception_ptr error;
  };
  struct Threads {
    ~Threads() { stop(); }
    void stop() {
      {
        const std::lock_guard lock(mutex);
        stopping = true;
      }
      room.notify_all();
      for (std::thread& one : all) one.join();
      all.clear();
    }
    std::mutex mutex;  // guards what follows
    std::condition_variable room, ready;
    std::map<uint64_t, Slot> slots;
    uint64_t drawn = 0, taken = 0;
    bool ended = false, stopping = false;
    std::vector<std::thread> all;
  } shared;

  const auto ahead = static_cast<uint64_t>(threads) * static_cast<uint64_t>(ahead_a_thread);
  const auto run = [&] {
    std::unique_lock lock(shared.mutex);
    while (true) {
      shared.room.wait(lock, [&] { return shared.stopping || shared.ended || shared.drawn - shared.taken < ahead; });
      if (shared.stopping || shared.ended) return;
      std::optional<Job> job;
      Slot slot;
      try {
        job = next();
      } catch (...) {
        slot.error = std::current_exception();
      }
      if (!job) {
        shared.ended = true;
        if (slot.error) shared.slots[shared.drawn++] = std::move(slot);
        shared.ready.notify_all();
        return;
      }
      const uint64_t number = shared.drawn++;
      lock.unlock();
      try {
        slot.result = work(*job);
      } catch (...) {
        slot.error = std::current_exception();
      }
      lock.lock();
      shared.slots[number] = std::move(slot);
      shared.ready.notify_all();
    }
  };
  for (int i = 0; i < threads; ++i) {
    try {
      shared.all.emplace_back(run);
    } catch (const std::system_error&) {
      if (i == 0) throw;  // else fewer do
      break;
    }
  }
  while (true) {
    std::unique_lock lock(shared.mutex);
    shared.ready.wait(
        lock, [&] { return shared.slots.contains(shared.taken) || (shared.ended && shared.taken == shared.drawn); });
    const auto found = shared.slots.find(shared.taken);
    if (found == shared.slots.end()) return;
    Slot slot = std::move(found->second);
    shared.slots.erase(found);
    ++shared.taken;
    lock.unlock();
    shared.room.notify_all();
    if (slot.error) {
      shared.stop();
      std::rethrow_exception(slot.error);
    }
    if (!take(std::move(*slot.result))) return;
  }
}

/// How many threads a builder uses: OMP_NUM_THREADS where that is set, else one a core.
int worker_threads();

}  // namespace trm
