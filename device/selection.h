#pragma once
#include <optional>
#include <string>
#include <vector>

#include "device/backend.h"
#include "device/device.h"

namespace trm {

/// All kinds, in order of choice.
std::vector<DeviceKind> kinds_in_order();

/// How the device was chosen; for the line that programs print.
enum class ChosenBy { flag, environment, detection };
struct Selection {
  Device device;
  ChosenBy by = ChosenBy::detection;
};

/// Flag beats TRM_DEVICE beats detection (cuda, accelerator with a GPU, cpu: the first that is usable). A forced device that is not there or not built in is a
/// DeviceError that says which, why, and what there is; never a silent fall-back.
Selection select_device(const std::optional<std::string>& flag);

/// Every device of every kind, with a note why it would or would not be chosen by detection.
std::vector<DeviceInfo> list_devices();
/// list_devices() as the text of --list-devices.
std::string describe_devices();

}  // namespace trm
