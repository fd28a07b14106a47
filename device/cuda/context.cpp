#include "device/cuda/context.h"

#include <array>
#include <atomic>

#include "device/backend.h"
#include "device/cuda/check.h"

namespace trm::cuda {
namespace {

constexpr int most_devices = 64;
std::array<std::atomic<Context*>, most_devices> contexts{};

}  // namespace

bool Context::hopper() const {
#if defined(TRM_CUDA_HOPPER)
  return capability == 90;
#else
  return false;
#endif
}

void make_current(int index) {
  thread_local int current = -1;
  if (current == index) return;
  TRM_CUDA(cudaSetDevice(index));
  current = index;
}

Context& context_of(int index) {
  Context* context = contexts[static_cast<size_t>(index)].load(std::memory_order_acquire);
  if (!context) {
    Backend::of({DeviceKind::cuda, index});  // opens it, or says why not
    context = contexts[static_cast<size_t>(index)].load(std::memory_order_acquire);
  }
  make_current(index);
  return *context;
}

void register_context(Context* context) {
  contexts[static_cast<size_t>(context->index)].store(context, std::memory_order_release);
}

}  // namespace trm::cuda
