#include <cuda_runtime.h>

#include <cstdlib>
#include <string>

#include "device/cuda/backend.h"
#include "device/cuda/check.h"
#include "device/errors.h"

namespace trm::cuda {
namespace {

constexpr int least_capability = 80;

std::string version(int number) { return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10); }

/// Why the runtime finds no device, in words that say what to do.
std::string explain(cudaError_t result) {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  if (result == cudaErrorInsufficientDriver && driver == 0) return "no NVIDIA driver is installed here";
  if (result == cudaErrorInsufficientDriver || result == cudaErrorCallRequiresNewerDriver)
    return "the installed NVIDIA driver supports CUDA " + version(driver) + ", this build needs CUDA " +
           version(runtime) + ": update the driver, or use --device cpu";
  if (result == cudaErrorSystemDriverMismatch)
    return "the NVIDIA driver's library (CUDA " + version(driver) +
           ") and its kernel module are of different versions: restart the machine after an update of the driver, or "
           "use --device cpu";
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible && result == cudaErrorNoDevice)
    return "no NVIDIA GPU is visible: CUDA_VISIBLE_DEVICES is \"" + std::string(visible) + "\"";
  if (result == cudaErrorNoDevice) return "no NVIDIA GPU was found";
  return "the NVIDIA driver does not answer: " + std::string(cudaGetErrorString(result)) + " (" +
         cudaGetErrorName(result) + "); look at nvidia-smi, or use --device cpu";
}

/// True where there is no GPU to speak of, rather than one that cannot be used.
bool is_absent(cudaError_t result) {
  int driver = 0;
  (void)cudaDriverGetVersion(&driver);
  return result == cudaSuccess || result == cudaErrorNoDevice || driver == 0;
}

class CudaPlatform final : public Platform {
 public:
  DeviceKind kind() const override { return DeviceKind::cuda; }
  const DeviceTraits& traits() const override {
    static const DeviceTraits traits{.capture = "the whole step is one CUDA graph", .pins_memory = true};
    return traits;
  }
  bool out_of_order() const override { return out_of_order_; }

  std::vector<DeviceInfo> devices(std::string& why_not) override {
    int count = 0, driver = 0;
    if (const cudaError_t result = cudaGetDeviceCount(&count); result != cudaSuccess || count == 0) {
      (void)cudaGetLastError();
      why_not = explain(result == cudaSuccess ? cudaErrorNoDevice : result);
      out_of_order_ = !is_absent(result);
      return {};
    }
    (void)cudaDriverGetVersion(&driver);
    std::vector<DeviceInfo> usable;
    for (int index = 0; index < count; ++index) {
      cudaDeviceProp properties{};
      TRM_CUDA(cudaGetDeviceProperties(&properties, index));
      if (10 * properties.major + properties.minor < least_capability) {
        why_not += (why_not.empty() ? "" : "; ") + std::string(properties.name) + " has compute capability " +
                   std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                   ", needed is 8.0 or more";
        continue;
      }
      DeviceInfo info;
      info.device = {DeviceKind::cuda, index};
      info.name = properties.name;
      info.driver = "driver for CUDA " + version(driver);
      info.memory_bytes = properties.totalGlobalMem;
      usable.push_back(std::move(info));
    }
    if (!usable.empty()) why_not.clear();
    return usable;
  }

  std::unique_ptr<Backend> open(int index) override {
    std::string why_not;
    const auto all = devices(why_not);
    for (const DeviceInfo& info : all)
      if (info.device.index == index) return std::make_unique<CudaBackend>(info);
    if (!all.empty())
      why_not = "there " + std::string(all.size() == 1 ? "is 1 GPU" : "are " + std::to_string(all.size()) + " GPUs") +
                " that can be used, numbered from 0";
    throw DeviceError("device " + to_string(Device{DeviceKind::cuda, index}) + " cannot be used: " + why_not);
  }

 private:
  bool out_of_order_ = false;
};

}  // namespace
}  // namespace trm::cuda

extern "C" __attribute__((visibility("default"))) trm::Platform* trm_platform() {
  static auto* platform = new trm::cuda::CudaPlatform;
  return platform;
}
