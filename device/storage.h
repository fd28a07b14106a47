#pragma once
#include <cstddef>
#include <memory>

#include "device/device.h"

namespace trm {

class Arena;

/// A block of device memory. On cpu and cuda `base` is an address; on the accelerator it is a buffer handle, so that a place in
/// memory is always (base, offset). Returned to its arena when the last Tensor that uses it goes.
struct Storage {
  Device device;
  void* base = nullptr;
  size_t offset = 0;  // bytes
  size_t bytes = 0;
  std::shared_ptr<Arena> arena;  // null: somebody else's memory, kept alive by `owner`
  std::shared_ptr<void> owner;

  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();
};

}  // namespace trm
