// A toy device that follows "How to add a device" of ARCHITECTURE.md: a module with its traits, its backend and its
// kernels, which serves cast always, add in float32 only, and nothing else. Its memory is the host's. It takes the
// accelerator's place.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "device/backend.h"
#include "device/errors.h"
#include "device/kernels.h"

namespace trm {
namespace {

char* bytes_of(const Tensor& t) { return static_cast<char*>(t.base()) + t.offset(); }

class FakeBackend final : public Backend {
 public:
  DeviceInfo info() const override {
    DeviceInfo info;
    info.device = {DeviceKind::accelerator, 0};
    info.name = "pretender";
    return info;
  }
  void* allocate(size_t bytes) override { return std::malloc(bytes); }
  void release(void* base) override { std::free(base); }
  void copy_from_host(const Tensor& to, const void* from) override { std::memcpy(bytes_of(to), from, to.bytes()); }
  void copy_to_host(void* to, const Tensor& from) override { std::memcpy(to, bytes_of(from), from.bytes()); }
  void copy_within(const Tensor& to, const Tensor& from) override {
    std::memmove(bytes_of(to), bytes_of(from), from.bytes());
  }
  void fill_zero(const Tensor& t) override { std::memset(bytes_of(t), 0, t.bytes()); }
  bool supports(DType dtype) const override { return dtype != DType::bfloat16; }
};

class FakePlatform final : public Platform {
 public:
  DeviceKind kind() const override { return DeviceKind::accelerator; }
  const DeviceTraits& traits() const override {
    static const DeviceTraits traits{.capture = "a list of calls",
                                     .no_bfloat16 = "the pretender computes in float32",
                                     .loader_workers = 1,
                                     .most_loader_workers = 5,
                                     .pins_memory = true};
    return traits;
  }
  std::vector<DeviceInfo> devices(std::string&) override { return {FakeBackend().info()}; }
  std::unique_ptr<Backend> open(int index) override {
    if (index > 0)
      throw DeviceError("device accelerator:" + std::to_string(index) + " does not exist: there is one pretender");
    return std::make_unique<FakeBackend>();
  }
};

// The results are off by 100, so that a test sees which kernel has run.
void cast(const Tensor& in, Tensor& out) {
  for (int64_t i = 0; i < out.elements(); ++i)
    reinterpret_cast<bfloat16*>(bytes_of(out))[i] = bfloat16(reinterpret_cast<float*>(bytes_of(in))[i] + 100);
}
void add(const Tensor& a, const Tensor& b, Tensor& out) {
  const auto *x = reinterpret_cast<float*>(bytes_of(a)), *y = reinterpret_cast<float*>(bytes_of(b));
  for (int64_t i = 0; i < out.elements(); ++i) reinterpret_cast<float*>(bytes_of(out))[i] = x[i] + y[i] + 100;
}
const char* float32_only(const Tensor& a, const Tensor&, const Tensor&) {
  return a.dtype() == DType::float32 ? nullptr : "float32 only";
}

const Registration registration([] {
  kernels::cast.set(DeviceKind::accelerator, cast);
  kernels::add.set(DeviceKind::accelerator, add, float32_only, "float32 only");
});

}  // namespace
}  // namespace trm

extern "C" trm::Platform* trm_platform() {
  static auto* platform = new trm::FakePlatform;
  return platform;
}
