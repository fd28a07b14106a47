#include "device/accelerator/context.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#include "device/accelerator/check.h"
#include "device/accelerator/programs.h"
#include "device/backend.h"
#include "device/errors.h"

namespace trm::accelerator {
namespace {

constexpr int most_devices = 64;
std::array<std::atomic<Context*>, most_devices> contexts{};

/// True for CPUs; TRM_ACCELERATOR_KERNELS=vectors or tiles decides otherwise, for tests and comparisons.
bool takes_vector_kernels(cl_device_id id) {
  if (const char* set = std::getenv("TRM_ACCELERATOR_KERNELS"); set && *set) {
    const std::string kernels(set);
    if (kernels != "vectors" && kernels != "tiles")
      throw DeviceError("TRM_ACCELERATOR_KERNELS=" + kernels + ": expected vectors (for CPUs) or tiles (for GPUs)");
    return kernels == "vectors";
  }
  return device_value<cl_device_type>(id, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU;
}

}  // namespace

std::string device_text(cl_device_id device, cl_device_info what) {
  size_t bytes = 0;
  if (clGetDeviceInfo(device, what, 0, nullptr, &bytes) != CL_SUCCESS || bytes == 0) return {};
  std::string text(bytes, '\0');
  if (clGetDeviceInfo(device, what, bytes, text.data(), nullptr) != CL_SUCCESS) return {};
  while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.pop_back();
  return text;
}

Context::Context(int number, cl_platform_id owner, cl_device_id id) : index(number), platform(owner), device(id) {
  name = device_text(id, CL_DEVICE_NAME);
  driver = device_text(id, CL_DRIVER_VERSION);
  cpu = takes_vector_kernels(id);
  unified = device_value<cl_bool>(id, CL_DEVICE_HOST_UNIFIED_MEMORY);
  units = std::max(1u, device_value<cl_uint>(id, CL_DEVICE_MAX_COMPUTE_UNITS));
  vector_width = device_value<cl_uint>(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
  group_limit = std::max<size_t>(1, device_value<size_t>(id, CL_DEVICE_MAX_WORK_GROUP_SIZE));
  size_t sizes[3]{1, 1, 1};
  if (clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof(sizes), sizes, nullptr) == CL_SUCCESS)
    row_limit = std::max<size_t>(1, sizes[1]);
  local_bytes = device_value<cl_ulong>(id, CL_DEVICE_LOCAL_MEM_SIZE);
  memory_bytes = device_value<cl_ulong>(id, CL_DEVICE_GLOBAL_MEM_SIZE);
  allocation_limit = device_value<cl_ulong>(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  cl_int result = CL_SUCCESS;
  const cl_context_properties properties[]{CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(owner), 0};
  context = clCreateContext(properties, 1, &id, nullptr, nullptr, &result);
  check(result, "clCreateContext");
  queue = clCreateCommandQueue(context, id, 0, &result);
  if (result != CL_SUCCESS) (void)clReleaseContext(context);
  check(result, "clCreateCommandQueue");
  programs = std::make_unique<Programs>(*this);
}

Context::~Context() = default;  // lives as long as the process: drivers may be gone before static objects

Context& context_of(int index) {
  Context* context = contexts[static_cast<size_t>(index)].load(std::memory_order_acquire);
  if (!context) {
    Backend::of({DeviceKind::accelerator, index});  // opens it, or says why not
    context = contexts[static_cast<size_t>(index)].load(std::memory_order_acquire);
  }
  return *context;
}

void register_context(Context* context) {
  contexts[static_cast<size_t>(context->index)].store(context, std::memory_order_release);
}

}  // namespace trm::accelerator
