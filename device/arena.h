#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "device/storage.h"

namespace trm {

class Backend;

/// Memory of one device, taken in large segments and given out best-fit; freed blocks merge and are reused at once. The same sequence of
/// requests from the same state gives the same addresses, so a training step runs without system allocation and can be captured.
/// Reuse is ordered by the device's one compute stream.
class Arena : public std::enable_shared_from_this<Arena> {
 public:
  static constexpr size_t alignment = 256;

  explicit Arena(Device device);
  ~Arena();
  Arena(const Arena&) = delete;

  /// Throws OutOfMemory.
  std::shared_ptr<Storage> allocate(size_t bytes);

  size_t bytes_in_use() const { return in_use_; }
  size_t reserved_bytes() const { return reserved_; }

  /// The arena that Tensor::empty takes from on this thread: the innermost ArenaScope's, else the device's own.
  static std::shared_ptr<Arena> current(Device device);
  /// The device's own arena, which lives as long as the program.
  static std::shared_ptr<Arena> of(Device device);

 private:
  friend struct Storage;
  friend class ArenaScope;
  struct Segment;
  struct Block {
    Segment* segment;
    size_t offset, bytes;
    bool used;
    Block *previous, *next;
  };
  struct BySize {
    bool operator()(const Block* a, const Block* b) const;
  };
  struct Segment {
    void* base;
    size_t bytes;
    size_t order;  // number among the arena's segments: ties are broken the same way in every run
    Block* first;
  };
  void release(void* base, size_t offset);
  Block* grow(size_t bytes);

  Device device_;
  Backend& backend_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Segment>> segments_;
  std::set<Block*, BySize> free_;
  std::map<std::pair<void*, size_t>, Block*> used_;
  size_t in_use_ = 0, reserved_ = 0, next_order_ = 0;
};

/// While it lives, this thread's tensors of the arena's device come from that arena.
class ArenaScope {
 public:
  explicit ArenaScope(std::shared_ptr<Arena> arena);
  ~ArenaScope();
  ArenaScope(const ArenaScope&) = delete;
};

}  // namespace trm
