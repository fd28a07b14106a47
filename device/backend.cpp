#include "device/backend.h"

#include <cstdlib>
#include <new>

#include "device/arena.h"
#include "device/errors.h"

namespace trm {

std::shared_ptr<void> Backend::allocate_host(size_t bytes) {
  void* memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  if (!memory) throw OutOfMemory("out of host memory: asked for " + std::to_string(bytes) + " bytes");
  return {memory, std::free};
}

std::function<void()> Backend::upload(const Tensor& to, const void* from) {
  copy_from_host(to, from);
  return [] {};
}

std::unique_ptr<Graph> Backend::capture(const std::function<void()>&) {
  throw DeviceError("capturing a training step is not supported on " + to_string(info().device));
}

Backend::PackedBytes Backend::packed_bytes(int64_t, int64_t, DType, bool) const { return {}; }

std::shared_ptr<Arena> Backend::arena() {
  if (!arena_) arena_ = std::make_shared<Arena>(info().device);
  return arena_;
}

}  // namespace trm
