#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "device/accelerator/opencl.h"
#include "device/tensor.h"

namespace trm::accelerator {

class Programs;

/// What kernels need of the device that they run on. All work of a device goes to its one in-order queue.
struct Context {
  int index = 0;
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  cl_context context = nullptr;
  cl_command_queue queue = nullptr;
  std::string name, driver;   // as OpenCL tells them
  bool cpu = false;           // takes the kernels for vector registers, not those for groups with local memory;
                              // TRM_ACCELERATOR_KERNELS decides otherwise
  bool unified = false;       // the host's memory is the device's
  unsigned units = 1;         // compute units
  unsigned vector_width = 4;  // floats of a vector register
  size_t group_limit = 1, local_bytes = 0, memory_bytes = 0, allocation_limit = 0;
  size_t row_limit = 1;  // items of a group in dimension 1: Apple's CPU device allows one
  std::unique_ptr<Programs> programs;
  std::mutex launching;  // arguments of a kernel belong to the kernel object, not to the launch

  Context(int index, cl_platform_id platform, cl_device_id device);
  ~Context();
  Context(const Context&) = delete;
};

/// The context of an opened device.
Context& context_of(int index);
inline Context& context_of(const Tensor& t) { return context_of(t.device().index); }
/// Called by the backend when it opens.
void register_context(Context* context);

/// A property that is text, without trailing blanks.
std::string device_text(cl_device_id device, cl_device_info what);
template <class T>
T device_value(cl_device_id device, cl_device_info what) {
  T value{};
  return clGetDeviceInfo(device, what, sizeof(T), &value, nullptr) == CL_SUCCESS ? value : T{};
}

}  // namespace trm::accelerator
