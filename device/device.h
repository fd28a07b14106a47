#pragma once
#include <cstdint>
#include <string>

namespace trm {

/// In order of choice: the first kind that is usable is taken. A new one also gets a row in the table of device.cpp.
enum class DeviceKind : uint8_t { cuda, accelerator, cpu };
inline constexpr int device_kinds = 3;

/// A device by kind and number among its kind.
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

inline constexpr Device cpu_device{};

/// "cpu", "accelerator", "cuda", or "cuda:N" where N > 0.
std::string to_string(const Device& device);
const char* name_of(DeviceKind kind);

/// Reads cpu, accelerator (also mps, opencl), cuda, cuda:N. Throws DeviceError naming what was given and what is taken.
Device parse_device(const std::string& text);

}  // namespace trm
