#include "device/backend.h"

#include <cstdlib>
#include <mutex>
#include <new>

#include "device/arena.h"
#include "device/errors.h"

namespace trm {

std::string memory_text(size_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

OutOfMemory out_of_memory(const DeviceInfo& info, size_t asked, const std::string& detail) {
  return OutOfMemory("out of memory on " + to_string(info.device) + " (" + info.name + "): asked for " + memory_text(asked) + ", free " + memory_text(info.free_bytes) +
                     " of " + memory_text(info.memory_bytes) + detail +
                     "; lower global_batch_size (raise gradient_accumulation_steps to keep the effective batch), or the model's sizes (arch.hidden_size, arch.L_layers)");
}

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
  static std::mutex mutex;  // of first uses
  const std::lock_guard lock(mutex);
  if (!arena_) arena_ = std::make_shared<Arena>(info().device);
  return arena_;
}

}  // namespace trm
