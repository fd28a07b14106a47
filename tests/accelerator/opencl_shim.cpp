// Stands between a program and OpenCL (LD_PRELOAD): makes this machine's device another one, or loses it.
// TRM_TEST_OPENCL holds words:
//   gpu           the device says that it is a GPU
//   small         it has OpenCL 1.2, 32 KiB of local memory and groups of 256 items, and refuses more
//   kernels=N     kernels allow groups of N items, fewer than the device
//   flat          groups have items in dimension 0 only
//   apart         its memory is not the host's
//   memory=MIB    all of its memory; a buffer may be a quarter of it
//   CALL=CODE     that call answers CODE, from when the file TRM_TEST_OPENCL_WHEN exists (at once without that
//   variable) broken=TEXT   programs whose source holds TEXT do not compile
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>

#include "device/accelerator/opencl.h"

namespace {

constexpr size_t small_group = 256, small_local = 32768;

template <class F>
F* real(F*, const char* name) {
  auto* function = reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
  if (!function) std::abort();
  return function;
}
#define REAL(call) real(&call, #call)

std::optional<std::string> word(const std::string& wanted) {
  const char* set = std::getenv("TRM_TEST_OPENCL");
  std::istringstream words(set ? set : "");
  for (std::string one; words >> one;) {
    const size_t equals = one.find('=');
    if (one.substr(0, equals) == wanted) return equals == std::string::npos ? "" : one.substr(equals + 1);
  }
  return std::nullopt;
}
bool is(const char* wanted) { return word(wanted).has_value(); }

cl_int failure(const char* call) {
  const auto code = word(call);
  const char* when = std::getenv("TRM_TEST_OPENCL_WHEN");
  return code && (!when || access(when, F_OK) == 0) ? std::stoi(*code) : CL_SUCCESS;
}

cl_int answer(const void* from, size_t bytes, size_t room, void* to, size_t* needed) {
  if (needed) *needed = bytes;
  if (to && room < bytes) return CL_INVALID_VALUE;
  if (to) std::memcpy(to, from, bytes);
  return CL_SUCCESS;
}

std::mutex mutex;
std::map<cl_kernel, std::map<cl_uint, size_t>> local_arguments;

/// What a small or flat device says to a launch.
cl_int refusal(cl_kernel kernel, cl_uint dimensions, const size_t* items) {
  if (!items) return CL_SUCCESS;
  size_t group = 1;
  for (cl_uint i = 0; i < dimensions; ++i) {
    group *= items[i];
    if (i > 0 && items[i] > 1 && is("flat")) return CL_INVALID_WORK_ITEM_SIZE;
  }
  if (const auto most = word("kernels"); most && group > std::stoul(*most)) return CL_INVALID_WORK_GROUP_SIZE;
  if (!is("small")) return CL_SUCCESS;
  if (group > small_group) return CL_INVALID_WORK_GROUP_SIZE;
  cl_ulong local = 0;
  cl_device_id device = nullptr;
  cl_program program = nullptr;
  if (clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof(program), &program, nullptr) != CL_SUCCESS ||
      clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof(device), &device, nullptr) != CL_SUCCESS ||
      clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof(local), &local, nullptr) != CL_SUCCESS)
    return CL_INVALID_KERNEL;
  const std::lock_guard lock(mutex);
  for (const auto& [index, bytes] : local_arguments[kernel]) local += bytes;
  return local > small_local ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

}  // namespace

extern "C" {

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void* to, size_t* needed) {
  const auto value = [&](auto x) { return answer(&x, sizeof(x), room, to, needed); };
  if (what == CL_DEVICE_TYPE && is("gpu")) return value(cl_device_type{CL_DEVICE_TYPE_GPU});
  if (what == CL_DEVICE_HOST_UNIFIED_MEMORY && is("apart")) return value(cl_bool{CL_FALSE});
  if (what == CL_DEVICE_LOCAL_MEM_SIZE && is("small")) return value(cl_ulong{small_local});
  if (what == CL_DEVICE_MAX_WORK_GROUP_SIZE && is("small")) return value(small_group);
  if (what == CL_DEVICE_MAX_WORK_ITEM_SIZES && is("flat")) {
    const size_t sizes[3]{1024, 1, 1};
    return answer(sizes, sizeof(sizes), room, to, needed);
  }
  if (what == CL_DEVICE_VERSION && is("small")) {
    const char version[] = "OpenCL 1.2 small";
    return answer(version, sizeof(version), room, to, needed);
  }
  if (const auto memory = word("memory"); memory && what == CL_DEVICE_GLOBAL_MEM_SIZE)
    return value(cl_ulong{std::stoull(*memory)} << 20);
  if (const auto memory = word("memory"); memory && what == CL_DEVICE_MAX_MEM_ALLOC_SIZE)
    return value(cl_ulong{std::stoull(*memory)} << 18);
  return REAL(clGetDeviceInfo)(device, what, room, to, needed);
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t room,
                                void* to, size_t* needed) {
  const cl_int result = REAL(clGetKernelWorkGroupInfo)(kernel, device, what, room, to, needed);
  if (result != CL_SUCCESS || what != CL_KERNEL_WORK_GROUP_SIZE || !to) return result;
  auto& items = *static_cast<size_t*>(to);
  if (is("small")) items = std::min(items, small_group);
  if (const auto most = word("kernels")) items = std::min<size_t>(items, std::stoul(*most));
  return result;
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint index, size_t bytes, const void* value) {
  if (!value) {
    const std::lock_guard lock(mutex);
    local_arguments[kernel][index] = bytes;
  }
  return REAL(clSetKernelArg)(kernel, index, bytes, value);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t* offset,
                              const size_t* all, const size_t* items, cl_uint waits, const cl_event* wait,
                              cl_event* event) {
  if (const cl_int code = failure("clEnqueueNDRangeKernel")) return code;
  if (const cl_int code = refusal(kernel, dimensions, items)) return code;
  return REAL(clEnqueueNDRangeKernel)(queue, kernel, dimensions, offset, all, items, waits, wait, event);
}

void* clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool block, cl_map_flags flags, size_t offset,
                         size_t bytes, cl_uint waits, const cl_event* wait, cl_event* event, cl_int* result) {
  if (const cl_int code = failure("clEnqueueMapBuffer")) {
    if (result) *result = code;
    return nullptr;
  }
  return REAL(clEnqueueMapBuffer)(queue, buffer, block, flags, offset, bytes, waits, wait, event, result);
}

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool block, size_t offset, size_t bytes, void* to,
                           cl_uint waits, const cl_event* wait, cl_event* event) {
  if (const cl_int code = failure("clEnqueueReadBuffer")) return code;
  return REAL(clEnqueueReadBuffer)(queue, buffer, block, offset, bytes, to, waits, wait, event);
}

cl_int clFinish(cl_command_queue queue) {
  const cl_int code = failure("clFinish");
  return code ? code : REAL(clFinish)(queue);
}

cl_int clReleaseMemObject(cl_mem memory) {
  const cl_int code = failure("clReleaseMemObject");
  return code ? code : REAL(clReleaseMemObject)(memory);
}

cl_int clGetMemObjectInfo(cl_mem memory, cl_mem_info what, size_t room, void* to, size_t* needed) {
  const cl_int code = failure("clGetMemObjectInfo");
  return code ? code : REAL(clGetMemObjectInfo)(memory, what, room, to, needed);
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void* host, cl_int* result) {
  if (const cl_int code = failure("clCreateBuffer")) {
    if (result) *result = code;
    return nullptr;
  }
  return REAL(clCreateBuffer)(context, flags, bytes, host, result);
}

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char** texts, const size_t* lengths,
                                     cl_int* result) {
  const auto broken = word("broken");
  if (broken && count == 1 && std::string(texts[0], lengths[0]).find(*broken) != std::string::npos) {
    const std::string text = std::string(texts[0], lengths[0]) + "\n#error this driver does not like it\n";
    const char* data = text.data();
    const size_t length = text.size();
    return REAL(clCreateProgramWithSource)(context, 1, &data, &length, result);
  }
  return REAL(clCreateProgramWithSource)(context, count, texts, lengths, result);
}

}  // extern "C"
