#include "device/absent/absent.h"

#include "device/errors.h"

namespace trm {
namespace {

class AbsentPlatform final : public Platform {
 public:
  AbsentPlatform(DeviceKind kind, std::string why) : kind_(kind), why_(std::move(why)) {}
  DeviceKind kind() const override { return kind_; }
  bool built_in() const override { return false; }
  const DeviceTraits& traits() const override {
    static const DeviceTraits nothing;
    return nothing;
  }
  std::vector<DeviceInfo> devices(std::string& why_not) override {
    why_not = why_;
    return {};
  }
  std::unique_ptr<Backend> open(int index) override {
    throw DeviceError("device " + to_string(Device{kind_, index}) + " cannot be used: " + why_);
  }

 private:
  DeviceKind kind_;
  std::string why_;
};

}  // namespace

Platform* make_absent(DeviceKind kind, std::string why) { return new AbsentPlatform(kind, std::move(why)); }

}  // namespace trm
