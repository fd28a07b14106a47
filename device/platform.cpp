#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "device/absent/absent.h"
#include "device/backend.h"
#include "device/cpu/cpu_platform.h"
#include "device/errors.h"
#include "device/module.h"
#include "device/op.h"

namespace trm {
namespace {

Platform* open_module(DeviceKind kind) {
  const auto path = module_path(name_of(kind));
  const std::string file = path.filename().string();
  if (!std::filesystem::exists(path)) return make_absent(kind, "this build of trm.cpp has no " + std::string(name_of(kind)) + " backend (" + file + " is not installed)");
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) return make_absent(kind, "its backend cannot be loaded here: " + std::string(dlerror()));
  auto entry = reinterpret_cast<PlatformEntry>(dlsym(module, platform_entry_name));
  if (!entry) return make_absent(kind, file + " is no backend of this version: it has no " + platform_entry_name);
  return entry();
}

}  // namespace

Platform& platform_of(DeviceKind kind) {
  [[maybe_unused]] static const bool complete = (OpBase::require_kernels(OpBase::all(), DeviceKind::cpu), true);
  static std::mutex mutex;
  static auto* platforms = new std::map<DeviceKind, Platform*>;  // never destroyed: tensors may outlive main
  const std::lock_guard lock(mutex);
  Platform*& platform = (*platforms)[kind];
  if (!platform) platform = kind == DeviceKind::cpu ? cpu::platform() : open_module(kind);
  return *platform;
}

Backend& Backend::of(Device device) {
  static auto* mutex = new std::recursive_mutex;
  static auto* backends = new std::map<std::pair<DeviceKind, int>, std::unique_ptr<Backend>>;
  const std::lock_guard lock(*mutex);
  auto& backend = (*backends)[{device.kind, device.index}];
  if (!backend) backend = platform_of(device.kind).open(device.index);
  return *backend;
}

}  // namespace trm
