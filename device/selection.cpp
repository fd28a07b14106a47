#include "device/selection.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "device/errors.h"
#include "device/messages.h"

namespace trm {
namespace {

std::string what_there_is() {
  std::string text;
  for (const DeviceInfo& info : list_devices()) text += (text.empty() ? "" : ", ") + to_string(info.device) + " (" + info.name + ")";
  return text;
}

Device require_usable(const Device& device, const std::string& asked_by) {
  std::string why_not;
  const auto devices = platform_of(device.kind).devices(why_not);
  const bool there = std::any_of(devices.begin(), devices.end(), [&](const DeviceInfo& info) { return info.device == device; });
  if (there) return device;
  if (!devices.empty())
    why_not = "there " + std::string(devices.size() == 1 ? "is 1 device" : "are " + std::to_string(devices.size()) + " devices") + " of this kind, numbered from 0";
  throw DeviceError("device " + to_string(device) + " (" + asked_by + ") cannot be used: " + why_not + ". There is: " + what_there_is());
}

}  // namespace

std::vector<DeviceKind> kinds_in_order() {
  std::vector<DeviceKind> kinds;
  for (int kind = 0; kind < device_kinds; ++kind) kinds.push_back(static_cast<DeviceKind>(kind));
  return kinds;
}

Selection select_device(const std::optional<std::string>& flag) {
  if (flag) return {require_usable(parse_device(*flag), "--device"), ChosenBy::flag};
  if (const char* forced = std::getenv("TRM_DEVICE"); forced && *forced) return {require_usable(parse_device(forced), "TRM_DEVICE"), ChosenBy::environment};
  for (const DeviceKind kind : kinds_in_order()) {
    std::string why_not;
    Platform& platform = platform_of(kind);
    for (const DeviceInfo& info : platform.devices(why_not))
      if (info.eligible) return {info.device, ChosenBy::detection};
    if (platform.out_of_order()) tell(MessageKind::warning, std::string(name_of(kind)) + " is not used: " + why_not);
  }
  throw DeviceError("no usable device was found");
}

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> all;
  bool chosen = false;
  for (const DeviceKind kind : kinds_in_order()) {
    std::string why_not;
    for (DeviceInfo& info : platform_of(kind).devices(why_not)) {
      if (info.eligible && !chosen) info.note = "chosen by default";
      else if (info.note.empty()) info.note = info.eligible ? "used when asked for: an earlier one is preferred" : "used only when asked for";
      chosen |= info.eligible;
      all.push_back(std::move(info));
    }
  }
  return all;
}

std::string describe_devices() {
  std::ostringstream text;
  for (const DeviceInfo& info : list_devices()) {
    text << to_string(info.device) << "  " << info.name;
    if (info.memory_bytes) text << ", " << (info.memory_bytes >> 20) << " MiB";
    if (!info.driver.empty()) text << ", " << info.driver;
    text << "  [" << info.note << "]\n";
  }
  for (const DeviceKind kind : kinds_in_order()) {
    std::string why_not;
    if (platform_of(kind).devices(why_not).empty()) text << name_of(kind) << "  none: " << why_not << "\n";
  }
  return text.str();
}

}  // namespace trm
