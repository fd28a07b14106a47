#include "device/cpu/workspace.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "device/cpu/pages.h"
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
    buffer.memory.reset();
    buffer.memory.reset(allocate_pages(bytes + 1));
    buffer.bytes = buffer.memory ? bytes : 0;
    if (!buffer.memory)
      throw OutOfMemory("out of memory on cpu: asked for " + std::to_string(bytes >> 20) + " MiB of work space");
  }
  return buffer.memory.get();
}

}  // namespace trm::cpu
