#pragma once
#include <map>
#include <mutex>
#include <string>

#include "device/accelerator/opencl.h"

namespace trm::accelerator {

struct Context;

/// A .cl file as it was built into this module; see cmake/EmbedSource.cmake.
struct Source {
  const char* file;
  const char* text;
};

/// A kernel of a built program, with what its device allows it.
struct Kernel {
  cl_kernel handle = nullptr;
  const char* name = nullptr;
  size_t group_limit = 1;  // items of a work-group
};

/// The programs of a device: each is built when its first kernel is asked for, from the cache on disk where it holds it
/// (program_cache.h).
class Programs {
 public:
  explicit Programs(Context& context) : context_(context) {}
  /// `options`: definitions, "-DTILE=64". Throws DeviceError with the compiler's log where the program does not build.
  const Kernel& kernel(const Source& source, const char* name, const std::string& options = {});

 private:
  cl_program build(const Source& source, const std::string& options);

  Context& context_;
  std::mutex mutex_;
  std::map<std::string, cl_program> programs_;  // by file and options
  std::map<std::string, Kernel, std::less<>> kernels_;
};

}  // namespace trm::accelerator
