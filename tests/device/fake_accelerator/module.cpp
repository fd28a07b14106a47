// An "accelerator" made of host memory. It serves fill always, add in float32 only, and nothing else.
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
    info.gpu = true;
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
  std::vector<DeviceInfo> devices(std::string&) override { return {FakeBackend().info()}; }
  std::unique_ptr<Backend> open(int index) override {
    if (index > 0)
      throw DeviceError("device accelerator:" + std::to_string(index) + " does not exist: there is one pretender");
    return std::make_unique<FakeBackend>();
  }
};

// The results are off by 100, so that a test sees which kernel has run.
void fill(Tensor& out, float value) {
  for (int64_t i = 0; i < out.elements(); ++i) reinterpret_cast<float*>(bytes_of(out))[i] = value + 100;
}
void add(const Tensor& a, const Tensor& b, Tensor& out) {
  const auto *x = reinterpret_cast<float*>(bytes_of(a)), *y = reinterpret_cast<float*>(bytes_of(b));
  for (int64_t i = 0; i < out.elements(); ++i) reinterpret_cast<float*>(bytes_of(out))[i] = x[i] + y[i] + 100;
}
const char* float32_only(const Tensor& a, const Tensor&, const Tensor&) {
  return a.dtype() == DType::float32 ? nullptr : "float32 only";
}

}  // namespace
}  // namespace trm

extern "C" trm::Platform* trm_platform() {
  static auto* platform = [] {
    trm::kernels::fill.set(trm::DeviceKind::accelerator, trm::fill);
    trm::kernels::add.set(trm::DeviceKind::accelerator, trm::add, trm::float32_only, "float32 only");
    return new trm::FakePlatform;
  }();
  return platform;
}
