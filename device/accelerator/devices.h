#pragma once
#include <string>
#include <vector>

#include "device/accelerator/opencl.h"
#include "device/backend.h"

namespace trm::accelerator {

/// A device that OpenCL offers, with what a user is told of it.
struct Found {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  std::string platform_name;
  DeviceInfo info;  // device number not set
};

/// Devices of all platforms, GPUs and accelerators first, CPUs last; `why_not` says why there is none.
/// TRM_ACCELERATOR=<platform>:<device> (numbers from 0, or parts of names in any case; either may be empty) leaves the
/// one that it names. Throws DeviceError where it names none, with what there is.
std::vector<Found> find_devices(std::string& why_not);

}  // namespace trm::accelerator
