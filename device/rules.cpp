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
  const DeviceTraits& traits = platform_of(device.kind).traits();
  if (traits.capture.empty()) return {false, traits.no_capture};
  if (not_native) return {false, *not_native + " is not native on " + to_string(device)};
  if (dispatch_settings().timing) return {false, "every op is timed (--op-report)"};
  return {true, "default on " + std::string(name_of(device.kind)) + ": " + traits.capture};
}

LoaderRule loader_rule(Device device, std::optional<int> num_workers, std::optional<bool> pin_memory) {
  const DeviceTraits& traits = platform_of(device.kind).traits();
  const std::string name = name_of(device.kind);
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  LoaderRule rule;
  rule.workers = num_workers.value_or(std::min(traits.loader_workers, cores));
  rule.pinned = traits.pins_memory && pin_memory.value_or(true);
  if (!traits.pins_memory && !traits.on_host && pin_memory.value_or(false))
    rule.warnings.push_back("pin_memory=True has no effect on the " + name + " and is ignored.");
  if (const int most = traits.most_loader_workers; most == 0)
    rule.workers = std::min(rule.workers, cores);
  else if (rule.workers > most)
    rule.warnings.push_back("num_workers=" + std::to_string(rule.workers) + " may slow or stall loading on the " + name + "; 0 to " + std::to_string(most) +
                            " recommended.");
  return rule;
}

PrecisionRule precision_rule(Device device, DType asked) {
  if (asked != DType::bfloat16 || Backend::of(device).supports(DType::bfloat16)) return {asked, std::nullopt};
  return {DType::float32, "bfloat16 was asked for, but " + platform_of(device.kind).traits().no_bfloat16 + ": running in float32."};
}

}  // namespace trm
