#include "device/op.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <sstream>

#include "device/backend.h"
#include "device/messages.h"

namespace trm {
namespace {

std::vector<std::string> split(const char* text) {
  std::vector<std::string> names;
  std::stringstream stream(text ? text : "");
  for (std::string name; std::getline(stream, name, ',');)
    if (!name.empty()) names.push_back(name);
  return names;
}

bool contains(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool fallback_from_environment() {
  const char* set = std::getenv("TRM_FALLBACK");
  const std::string value = set ? set : "";
  if (value != "" && value != "0" && value != "1") throw DeviceError("TRM_FALLBACK=" + value + ": expected 1 (ops without a kernel run on the cpu) or 0 (they are an error)");
  return value != "0";
}

std::atomic<uint64_t> fallen_back{0};

}  // namespace

void OpBase::require_kernels(const std::vector<OpBase*>& ops, DeviceKind kind) {
  std::string missing;
  for (const OpBase* op : ops)
    if (op->without_ == WithoutKernel::fallback && !op->native(kind)) missing += std::string(missing.empty() ? "" : ", ") + op->name_;
  if (!missing.empty())
    throw DeviceError("this build of trm.cpp has no " + std::string(name_of(kind)) + " kernel for " + missing + ": device/kernels.h lists it, but no file in device/" +
                      name_of(kind) + "/ registers one");
}

void OpBase::reset_counts() {
  for (const OpBase* op : all())
    for (OpCounts& counts : op->counts_) {
      counts.calls = counts.fallback_calls = counts.bytes = counts.nanoseconds = 0;
    }
}

DispatchSettings& dispatch_settings() {
  static DispatchSettings settings = [] {
    DispatchSettings read;
    read.fallback = fallback_from_environment();
    read.disabled = split(std::getenv("TRM_OPS_DISABLE"));
    for (const auto& name : read.disabled)
      if (std::none_of(OpBase::all().begin(), OpBase::all().end(), [&](const OpBase* op) { return name == op->name(); }))
        throw DeviceError("TRM_OPS_DISABLE names '" + name + "', which is no op; --op-report lists them");
    return read;
  }();
  return settings;
}

bool op_disabled(const char* name) {
  const auto& disabled = dispatch_settings().disabled;
  return !disabled.empty() && contains(disabled, name);
}

uint64_t fallback_calls() { return fallen_back; }

void OpBase::require_same_device(const Tensor& tensor, const Tensor*& first) const {
  if (!first) first = &tensor;
  else if (!(first->device() == tensor.device()))
    throw DeviceError(std::string(name_) + ": tensors on two devices, " + describe(*first) + " and " + describe(tensor) +
                      "; move one with Tensor::to first");
}

void OpBase::enter_fallback(Device device, const std::string& found) const {
  const std::string reason = op_disabled(name_) ? "disabled by TRM_OPS_DISABLE" : found;
  if (without_ != WithoutKernel::fallback)
    throw DeviceError(std::string(name_) + " has no kernel on " + to_string(device) + " for these arguments (" + reason +
                      "); it is optional and never falls back: ask why_not before calling it");
  if (device.kind == DeviceKind::cpu) throw DeviceError(std::string(name_) + ": not served on the cpu: " + reason);
  const auto& settings = dispatch_settings();
  if (!settings.fallback || (!settings.fallback_only.empty() && !contains(settings.fallback_only, name_)))
    throw DeviceError(std::string(name_) + " cannot run on " + to_string(device) + " (" + reason +
                      ") and falling back to the cpu is off" + (settings.fallback ? " for it" : "") +
                      "; allow it (--fallback on, no TRM_FALLBACK=0) or use another device");
  fallen_back.fetch_add(1, std::memory_order_relaxed);
  static std::mutex mutex;
  static std::set<std::pair<std::string, std::string>> warned;
  const std::lock_guard lock(mutex);
  if (warned.emplace(name_, reason).second)
    tell(MessageKind::warning, std::string(name_) + " has no native kernel on " + to_string(device) + " (" + reason +
                                   "): it runs on the cpu, with copies there and back");
}

namespace detail {

uint64_t clock_nanoseconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

uint64_t& nanoseconds_inside() {
  static thread_local uint64_t nanoseconds = 0;
  return nanoseconds;
}

void synchronize(Device device) { Backend::of(device).synchronize(); }

}  // namespace detail
}  // namespace trm
