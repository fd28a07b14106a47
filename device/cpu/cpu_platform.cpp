#include "device/cpu/cpu_platform.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "device/cpu/memory_limit.h"
#include "device/cpu/pages.h"
#include "device/errors.h"

namespace trm::cpu {
namespace {

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "cpu";
}

/// 0: not known.
long available_pages() {
#if defined(_SC_AVPHYS_PAGES)
  return sysconf(_SC_AVPHYS_PAGES);
#else
  return 0;
#endif
}

class CpuBackend final : public Backend {
 public:
  DeviceInfo info() const override {
    static const DeviceInfo fixed = [] {
      DeviceInfo read;
      read.name = processor_name() + ", " + std::to_string(std::thread::hardware_concurrency()) + " threads";
      const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
      if (pages > 0 && page > 0) read.memory_bytes = static_cast<size_t>(pages) * static_cast<size_t>(page);
      return read;
    }();
    DeviceInfo info = fixed;
    const long pages = available_pages();
    if (pages > 0) info.free_bytes = static_cast<size_t>(pages) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
    if (const auto limit = memory_limit(); limit && (info.memory_bytes == 0 || limit->most < info.memory_bytes)) {
      info.memory_bytes = limit->most;
      info.free_bytes = std::min(info.free_bytes, limit->most > limit->used ? limit->most - limit->used : 0);
    }
    return info;
  }
  void* allocate(size_t bytes) override {
    void* memory = allocate_pages(bytes);
    if (!memory) throw out_of_memory(info(), bytes);
    return memory;
  }
  void release(void* base) override { std::free(base); }
  void copy_from_host(const Tensor& to, const void* from) override { std::memcpy(to.address(), from, to.bytes()); }
  void copy_to_host(void* to, const Tensor& from) override { std::memcpy(to, from.address(), from.bytes()); }
  void copy_within(const Tensor& to, const Tensor& from) override {
    std::memmove(to.address(), from.address(), from.bytes());
  }
  void fill_zero(const Tensor& tensor) override { std::memset(tensor.address(), 0, tensor.bytes()); }
  bool supports(DType dtype) const override { return dtype != DType::bfloat16 || has_bfloat16_instructions(); }
  PackedBytes packed_bytes(int64_t out, int64_t in, DType dtype, bool token) const override {
    return cpu::packed_bytes(out, in, dtype, token);
  }
};

class CpuPlatform final : public Platform {
 public:
  DeviceKind kind() const override { return DeviceKind::cpu; }
  const DeviceTraits& traits() const override {
    static const DeviceTraits traits{
        .on_host = true, .no_capture = "there is nothing to capture on cpu", .no_bfloat16 = "this CPU has no bfloat16 instructions"};
    return traits;
  }
  std::vector<DeviceInfo> devices(std::string&) override { return {CpuBackend().info()}; }
  std::unique_ptr<Backend> open(int index) override {
    if (index != 0)
      throw DeviceError("device cpu:" + std::to_string(index) + " does not exist: there is one cpu device; write cpu");
    return std::make_unique<CpuBackend>();
  }
};

}  // namespace

Platform* platform() {
  static auto* platform = new CpuPlatform;
  return platform;
}

bool has_bfloat16_instructions() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace trm::cpu
