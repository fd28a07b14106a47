#include "device/accelerator/backend.h"
#include "device/accelerator/devices.h"
#include "device/errors.h"

namespace trm::accelerator {
namespace {

std::vector<Found> numbered_devices(std::string& why_not) {
  std::vector<Found> all = find_devices(why_not);
  for (size_t i = 0; i < all.size(); ++i) all[i].info.device = {DeviceKind::accelerator, static_cast<int>(i)};
  return all;
}

class OpenClPlatform final : public Platform {
 public:
  DeviceKind kind() const override { return DeviceKind::accelerator; }
  const DeviceTraits& traits() const override {
    static const DeviceTraits traits{
        .no_capture = "never on the accelerator",
        .no_bfloat16 = "the accelerator computes in float32",
        .loader_workers = 0,
        .most_loader_workers = 2};
    return traits;
  }

  std::vector<DeviceInfo> devices(std::string& why_not) override {
    std::vector<DeviceInfo> infos;
    for (Found& found : numbered_devices(why_not)) infos.push_back(std::move(found.info));
    return infos;
  }

  std::unique_ptr<Backend> open(int index) override {
    std::string why_not;
    const auto all = numbered_devices(why_not);
    for (const Found& found : all)
      if (found.info.device.index == index)
        return std::make_unique<OpenClBackend>(found.info,
                                               std::make_unique<Context>(index, found.platform, found.device));
    if (!all.empty())
      why_not = "there " +
                std::string(all.size() == 1 ? "is 1 device" : "are " + std::to_string(all.size()) + " devices") +
                " of this kind, numbered from 0";
    throw DeviceError("device " + to_string(Device{DeviceKind::accelerator, index}) + " cannot be used: " + why_not);
  }
};

}  // namespace
}  // namespace trm::accelerator

extern "C" __attribute__((visibility("default"))) trm::Platform* trm_platform() {
  static auto* platform = new trm::accelerator::OpenClPlatform;
  return platform;
}
