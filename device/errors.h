#pragma once
#include <stdexcept>
#include <string>

namespace trm {

/// Any failure of the device layer: an absent device, mixed devices, wrong shapes, memory that ran out, a failed call of a driver.
struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Memory that could not be had: what was asked, what was free, and which settings to lower.
struct OutOfMemory : DeviceError {
  using DeviceError::DeviceError;
};

}  // namespace trm
