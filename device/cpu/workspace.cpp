#include "device/cpu/workspace.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "device/errors.h"

namespace trm::cpu {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
struct Buffer {
  std::unique_ptr<void, Free> memory;
  size_t bytes = 0;
};

}  // namespace

void* workspace(Workspace use, size_t bytes) {
  thread_local Buffer buffers[static_cast<int>(Workspace::count)];
  Buffer& buffer = buffers[static_cast<int>(use)];
  if (buffer.bytes < bytes || !buffer.memory) {
    const size_t rounded = (bytes + 4095) / 4096 * 4096 + 4096;
    buffer.memory.reset();
    buffer.memory.reset(std::aligned_alloc(4096, rounded));
    buffer.bytes = buffer.memory ? rounded : 0;
    if (!buffer.memory) throw OutOfMemory("out of memory on cpu: asked for " + std::to_string(rounded >> 20) + " MiB of work space");
  }
  return buffer.memory.get();
}

}  // namespace trm::cpu
