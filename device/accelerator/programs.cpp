#include "device/accelerator/programs.h"

#include <algorithm>
#include <vector>

#include "device/accelerator/check.h"
#include "device/accelerator/context.h"
#include "device/accelerator/program_cache.h"
#include "device/accelerator/sources.h"
#include "device/errors.h"

namespace trm::accelerator {
namespace {

constexpr const char* language = "-cl-std=CL1.2 ";

std::string build_log(cl_program program, cl_device_id device) {
  size_t bytes = 0;
  if (clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes) != CL_SUCCESS) return {};
  std::string log(bytes, '\0');
  (void)clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, bytes, log.data(), nullptr);
  log.erase(std::find(log.begin(), log.end(), '\0'), log.end());
  return log.empty() ? "(the compiler left no log)" : log;
}

/// The program of a cached binary, or null where the driver does not take it.
cl_program from_binary(const Context& context, const std::vector<unsigned char>& binary, const std::string& options) {
  const unsigned char* data = binary.data();
  const size_t bytes = binary.size();
  cl_int status = CL_SUCCESS, result = CL_SUCCESS;
  cl_program program = clCreateProgramWithBinary(context.context, 1, &context.device, &bytes, &data, &status, &result);
  if (result == CL_SUCCESS && status == CL_SUCCESS &&
      clBuildProgram(program, 1, &context.device, options.c_str(), nullptr, nullptr) == CL_SUCCESS)
    return program;
  if (program) (void)clReleaseProgram(program);
  return nullptr;
}

std::vector<unsigned char> binary_of(cl_program program) {
  size_t bytes = 0;
  if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(bytes), &bytes, nullptr) != CL_SUCCESS || bytes == 0)
    return {};
  std::vector<unsigned char> binary(bytes);
  unsigned char* data = binary.data();
  if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(data), &data, nullptr) != CL_SUCCESS) return {};
  return binary;
}

}  // namespace

cl_program Programs::build(const Source& source, const std::string& definitions) {
  const std::string options = language + definitions, text = std::string(prelude_cl.text) + source.text;
  const ProgramCache cache(context_, source.file, text, options);
  if (const auto binary = cache.read())
    if (cl_program program = from_binary(context_, *binary, options)) return program;
  const char* data = text.data();
  const size_t length = text.size();
  cl_int result = CL_SUCCESS;
  cl_program program = clCreateProgramWithSource(context_.context, 1, &data, &length, &result);
  check(result, "clCreateProgramWithSource");
  result = clBuildProgram(program, 1, &context_.device, options.c_str(), nullptr, nullptr);
  if (result != CL_SUCCESS) {
    const std::string log = build_log(program, context_.device);
    (void)clReleaseProgram(program);
    throw DeviceError(std::string("accelerator: ") + source.file + " does not build on " + context_.name + " (driver " +
                      context_.driver + ", options " + options + "): " + error_name(result) + "\n" + log);
  }
  cache.write(binary_of(program));
  return program;
}

const Kernel& Programs::kernel(const Source& source, const char* name, const std::string& options) {
  const std::lock_guard lock(mutex_);
  std::string key = std::string(name) + ' ' + options;
  if (const auto found = kernels_.find(key); found != kernels_.end()) return found->second;
  cl_program& program = programs_[std::string(source.file) + ' ' + options];
  if (!program) program = build(source, options);
  Kernel kernel;
  cl_int result = CL_SUCCESS;
  kernel.handle = clCreateKernel(program, name, &result);
  kernel.name = name;
  check(result, name);
  check(clGetKernelWorkGroupInfo(kernel.handle, context_.device, CL_KERNEL_WORK_GROUP_SIZE, sizeof(kernel.group_limit),
                                 &kernel.group_limit, nullptr),
        "clGetKernelWorkGroupInfo");
  kernel.group_limit = std::clamp<size_t>(kernel.group_limit, 1, context_.group_limit);
  return kernels_.emplace(std::move(key), kernel).first->second;
}

}  // namespace trm::accelerator
