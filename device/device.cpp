#include "device/device.h"

#include <algorithm>
#include <cctype>

#include "device/dtype.h"
#include "device/errors.h"

namespace trm {

const char* name_of(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::cuda: return "cuda";
    case DeviceKind::accelerator: return "accelerator";
    default: return "cpu";
  }
}

std::string to_string(const Device& device) {
  std::string text = name_of(device.kind);
  return device.index > 0 ? text + ":" + std::to_string(device.index) : text;
}

Device parse_device(const std::string& text) {
  std::string name = text.substr(0, text.find(':'));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  Device device;
  if (name == "cuda") device.kind = DeviceKind::cuda;
  else if (name == "accelerator" || name == "mps" || name == "opencl") device.kind = DeviceKind::accelerator;
  else if (name == "cpu") device.kind = DeviceKind::cpu;
  else throw DeviceError("unknown device '" + text + "': expected cpu, accelerator (also: mps, opencl), cuda or cuda:N");
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    const std::string number = text.substr(colon + 1);
    const bool digits = !number.empty() && number.size() <= 4 &&
                        std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); });
    if (!digits) throw DeviceError("device '" + text + "': '" + number + "' is not a device number; write for example cuda:0");
    device.index = std::stoi(number);
    if (device.kind == DeviceKind::cpu && device.index > 0) throw DeviceError("device '" + text + "': there is one cpu device; write cpu");
  }
  return device;
}

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::bfloat16: return "bfloat16";
    case DType::int32: return "int32";
    case DType::int64: return "int64";
    default: return "boolean";
  }
}

DType parse_dtype(const std::string& text) {
  if (text == "float32") return DType::float32;
  if (text == "bfloat16") return DType::bfloat16;
  throw DeviceError("unknown dtype '" + text + "': expected bfloat16 or float32");
}

}  // namespace trm
