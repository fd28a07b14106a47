#pragma once
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/dtype.h"

namespace trm {

/// A decision and the sentence that explains it.
struct CompileRule {
  bool on = false;
  std::string reason;
};
/// Whether the training step is captured and replayed: on by default where the device can capture (DeviceTraits); DISABLE_COMPILE in the environment turns it off. A step
/// that has fallen back to the cpu is not captured: `not_native` names such an op.
CompileRule compile_rule(Device device, const std::optional<std::string>& not_native = std::nullopt);

struct LoaderRule {
  int workers = 0;
  bool pinned = false;
  std::vector<std::string> warnings;
};
/// Loader threads and page-locked staging of a device, from what the user set (unset: the device's rule).
LoaderRule loader_rule(Device device, std::optional<int> num_workers, std::optional<bool> pin_memory);

struct PrecisionRule {
  DType dtype = DType::float32;
  std::optional<std::string> note;  // said once where the dtype is not the one asked for
};
PrecisionRule precision_rule(Device device, DType asked);

}  // namespace trm
