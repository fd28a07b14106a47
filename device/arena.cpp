#include "device/arena.h"

#include <algorithm>
#include <tuple>

#include "device/backend.h"
#include "device/errors.h"

namespace trm {
namespace {

constexpr size_t smallest_segment = size_t{16} << 20;

thread_local std::vector<std::pair<Device, std::shared_ptr<Arena>>> scopes;

size_t rounded(size_t bytes) { return (std::max<size_t>(bytes, 1) + Arena::alignment - 1) / Arena::alignment * Arena::alignment; }

/// Segments are multiples of 2 MiB.
size_t whole(size_t bytes) { return (bytes + (size_t{2} << 20) - 1) >> 21 << 21; }

}  // namespace

Storage::~Storage() {
  if (arena) arena->release(base, offset);
}

bool Arena::BySize::operator()(const Block* a, const Block* b) const {
  return std::tuple(a->bytes, a->segment->order, a->offset) < std::tuple(b->bytes, b->segment->order, b->offset);
}

Arena::Arena(Device device) : device_(device), backend_(Backend::of(device)) {}

Arena::~Arena() {
  for (auto& segment : segments_) {
    for (Block* block = segment->first; block;) {
      Block* next = block->next;
      delete block;
      block = next;
    }
    try {
      backend_.release(segment->base);
    } catch (const DeviceError&) {
      // The device is lost, and its memory with it: the error that said so is under way.
    }
  }
}

Arena::Block* Arena::grow(size_t bytes) {
  // Segments grow with the arena, so that a run of small requests does not become a run of device allocations; where that is more than there is, what was asked
  // for has to do.
  const size_t wanted = std::max({bytes, smallest_segment, std::min<size_t>(reserved_ / 8, size_t{512} << 20)});
  size_t size = whole(wanted);
  auto segment = std::make_unique<Segment>();
  try {
    segment->base = backend_.allocate(size);
  } catch (const OutOfMemory&) {
    if (size == whole(bytes)) throw;
    size = whole(bytes);
    segment->base = backend_.allocate(size);
  }
  segment->bytes = size;
  segment->order = next_order_++;
  segment->first = new Block{segment.get(), 0, size, false, nullptr, nullptr};
  reserved_ += size;
  segments_.push_back(std::move(segment));
  return segments_.back()->first;
}

std::shared_ptr<Storage> Arena::allocate(size_t requested) {
  // More than any machine addresses: rounding it up would begin again at zero.
  if (requested > SIZE_MAX / 4) throw out_of_memory(backend_.info(), requested);
  const size_t bytes = rounded(requested);
  const std::lock_guard lock(mutex_);
  Segment probe_segment{nullptr, 0, 0, nullptr};
  Block probe{&probe_segment, 0, bytes, false, nullptr, nullptr};
  Block* block;
  if (auto found = free_.lower_bound(&probe); found != free_.end()) {
    block = *found;
    free_.erase(found);
  } else {
    block = grow(bytes);
  }
  if (block->bytes > bytes) {
    auto* rest = new Block{block->segment, block->offset + bytes, block->bytes - bytes, false, block, block->next};
    if (block->next) block->next->previous = rest;
    block->next = rest;
    block->bytes = bytes;
    free_.insert(rest);
  }
  block->used = true;
  used_[{block->segment->base, block->offset}] = block;
  in_use_ += bytes;
  auto storage = std::make_shared<Storage>();
  storage->device = device_;
  storage->base = block->segment->base;
  storage->offset = block->offset;
  storage->bytes = requested;
  storage->arena = shared_from_this();
  return storage;
}

void Arena::release(void* base, size_t offset) {
  const std::lock_guard lock(mutex_);
  const auto found = used_.find({base, offset});
  Block* block = found->second;
  used_.erase(found);
  in_use_ -= block->bytes;
  block->used = false;
  const auto absorb_next = [&](Block* left) {
    Block* right = left->next;
    left->bytes += right->bytes;
    left->next = right->next;
    if (right->next) right->next->previous = left;
    delete right;
  };
  if (block->next && !block->next->used) {
    free_.erase(block->next);
    absorb_next(block);
  }
  if (block->previous && !block->previous->used) {
    block = block->previous;
    free_.erase(block);
    absorb_next(block);
  }
  free_.insert(block);
}

std::shared_ptr<Arena> Arena::of(Device device) { return Backend::of(device).arena(); }

std::shared_ptr<Arena> Arena::current(Device device) {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
    if (scope->first == device) return scope->second;
  return of(device);
}

ArenaScope::ArenaScope(std::shared_ptr<Arena> arena) {
  const Device device = arena->device_;
  scopes.emplace_back(device, std::move(arena));
}
ArenaScope::~ArenaScope() { scopes.pop_back(); }

}  // namespace trm
