#include "device/module.h"

#include <dlfcn.h>

namespace trm {
namespace {

#if defined(__APPLE__)
constexpr const char* suffix = ".dylib";
#else
constexpr const char* suffix = ".so";
#endif

}  // namespace

std::filesystem::path module_path(const std::string& name) {
  Dl_info info{};
  const bool known = dladdr(reinterpret_cast<void*>(&module_path), &info) && info.dli_fname;
  const auto folder = known ? std::filesystem::absolute(info.dli_fname).parent_path() : std::filesystem::path(".");
  return folder / ("libtrm_" + name + suffix);
}

}  // namespace trm
