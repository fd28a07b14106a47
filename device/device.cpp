#include "device/device.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "device/dtype.h"
#include "device/errors.h"

namespace trm {

namespace {

struct Named {
  DeviceKind kind;
  const char* name;
  std::vector<std::string> also;
  bool numbered;  // there may be several
};
const std::array<Named, device_kinds>& table() {
  static const std::array<Named, device_kinds> kinds{{{DeviceKind::cuda, "cuda", {}, true},
                                                      {DeviceKind::accelerator, "accelerator", {"mps", "opencl"}, true},
                                                      {DeviceKind::cpu, "cpu", {}, false}}};
  return kinds;
}

/// "cpu, accelerator (also: mps, opencl), cuda or cuda:N"
std::string all_names() {
  std::string text;
  for (auto kind = table().rbegin(); kind != table().rend(); ++kind) {
    const bool last = kind + 1 == table().rend();
    text += (text.empty() ? "" : ", ") + std::string(kind->name);
    for (size_t i = 0; i < kind->also.size(); ++i) text += (i == 0 ? " (also: " : ", ") + kind->also[i];
    if (!kind->also.empty()) text += ")";
    if (last) text += " or " + std::string(kind->name) + ":N";
  }
  return text;
}

}  // namespace

const char* name_of(DeviceKind kind) {
  for (const Named& named : table())
    if (named.kind == kind) return named.name;
  return "unknown";
}

std::string to_string(const Device& device) {
  std::string text = name_of(device.kind);
  return device.index > 0 ? text + ":" + std::to_string(device.index) : text;
}

Device parse_device(const std::string& text) {
  std::string name = text.substr(0, text.find(':'));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto named = std::find_if(table().begin(), table().end(), [&](const Named& one) {
    return name == one.name || std::find(one.also.begin(), one.also.end(), name) != one.also.end();
  });
  if (named == table().end()) throw DeviceError("unknown device '" + text + "': expected " + all_names());
  Device device{named->kind, 0};
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    const std::string number = text.substr(colon + 1);
    const bool digits = !number.empty() && number.size() <= 4 &&
                        std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); });
    if (!digits)
      throw DeviceError("device '" + text + "': '" + number + "' is not a device number; write for example cuda:0");
    device.index = std::stoi(number);
    if (!named->numbered && device.index > 0)
      throw DeviceError("device '" + text + "': there is one " + named->name + " device; write " + named->name);
  }
  return device;
}

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    default:
      return "boolean";
  }
}

DType parse_dtype(const std::string& text) {
  if (text == "float32") return DType::float32;
  if (text == "bfloat16") return DType::bfloat16;
  throw DeviceError("unknown dtype '" + text + "': expected bfloat16 or float32");
}

}  // namespace trm
