#include "device/rules.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "device/backend.h"
#include "device/errors.h"
#include "device/op.h"

namespace trm {

CompileRule compile_rule(Device device, const std::optional<std::string>& not_native) {
  if (const char* disabled = std::getenv("DISABLE_COMPILE"); disabled && *disabled) return {false, "DISABLE_COMPILE is set"};
  switch (device.kind) {
    case DeviceKind::accelerator: return {false, "never on the accelerator"};
    case DeviceKind::cpu: return {false, "there is nothing to capture on cpu"};
    default: break;
  }
  if (not_native) return {false, *not_native + " is not native on " + to_string(device)};
  if (dispatch_settings().timing) return {false, "every op is timed (--op-report)"};
  return {true, "default on cuda: the whole step is one CUDA graph"};
}

LoaderRule loader_rule(Device device, std::optional<int> num_workers, std::optional<bool> pin_memory) {
  LoaderRule rule;
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  const bool accelerator = device.kind == DeviceKind::accelerator;
  rule.workers = num_workers.value_or(accelerator ? 0 : std::min(4, cores));
  rule.pinned = device.kind == DeviceKind::cuda && pin_memory.value_or(true);
  if (accelerator && pin_memory.value_or(false)) rule.warnings.push_back("pin_memory=True has no effect on the accelerator and is ignored.");
  if (accelerator && rule.workers > 2)
    rule.warnings.push_back("num_workers=" + std::to_string(rule.workers) + " may slow or stall loading on the accelerator; 0 to 2 recommended.");
  if (!accelerator) rule.workers = std::min(rule.workers, cores);
  return rule;
}

PrecisionRule precision_rule(Device device, DType asked) {
  if (asked != DType::bfloat16 || Backend::of(device).supports(DType::bfloat16)) return {asked, std::nullopt};
  const std::string why = device.kind == DeviceKind::cpu ? "this CPU has no bfloat16 instructions" : "the " + std::string(name_of(device.kind)) + " computes in float32";
  return {DType::float32, "bfloat16 was asked for, but " + why + ": running in float32."};
}

}  // namespace trm
