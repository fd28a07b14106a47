#include "runtime/programs.h"

#include <omp.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "data/files.h"
#include "device/backend.h"
#include "device/op.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
constexpr std::array kinds{DeviceKind::cpu, DeviceKind::cuda, DeviceKind::accelerator};

std::string support(const OpBase& op, DeviceKind kind) {
  if (op.native(kind)) return "native";
  switch (op.without_kernel()) {
    case WithoutKernel::composed: return "composed";
    case WithoutKernel::unneeded: return "unneeded";
    case WithoutKernel::fallback: break;
  }
  return op.native(DeviceKind::cpu) ? "fallback" : "absent";
}

/// Backends register their kernels when they are first asked for.
void open_platforms() {
  for (const DeviceKind kind : kinds) platform_of(kind);
}

fs::path program_file() {
  std::error_code error;
#if defined(__APPLE__)
  std::array<char, 4096> path{};
  uint32_t size = path.size();
  if (_NSGetExecutablePath(path.data(), &size) != 0) return {};
  return fs::canonical(path.data(), error);
#else
  return fs::read_symlink("/proc/self/exe", error);
#endif
}

std::string format(const char* pattern, auto... values) {
  std::array<char, 256> text;
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

}  // namespace

std::string program_version() { return TRM_VERSION; }

fs::path installed_config_folder() {
  std::error_code error;
  const fs::path folder = program_file().parent_path();
  if (folder.empty()) return {};
  if (const fs::path shared = folder.parent_path() / "share" / "trm" / "config";
      fs::exists(shared / "cfg_pretrain.yaml", error))
    return shared;
  fs::path above = folder;
  for (int levels = 0; levels < 4; ++levels) {
    above = above.parent_path();
    if (fs::exists(above / "config" / "cfg_pretrain.yaml", error)) return above / "config";
  }
  return {};
}

int thread_count() { return omp_get_max_threads(); }

std::string op_report() {
  open_platforms();
  std::string text = format("%-28s", "op");
  for (const DeviceKind kind : kinds) text += format("%-13s", name_of(kind));
  text += "\n";
  std::string counted;
  for (const OpBase* op : OpBase::all()) {
    text += format("%-28s", op->name());
    std::string conditions;
    for (const DeviceKind kind : kinds) {
      text += format("%-13s", support(*op, kind).c_str());
      if (!op->condition(kind).empty())
        conditions += std::string(conditions.empty() ? "" : "; ") + name_of(kind) + ": " + op->condition(kind);
      const OpCounts& counts = op->counts(kind);
      if (counts.calls > 0)
        counted += format(
            "%-28s%-13s%12llu%12llu%14.1f%12.3f\n", op->name(), name_of(kind),
            static_cast<unsigned long long>(counts.calls), static_cast<unsigned long long>(counts.fallback_calls),
            static_cast<double>(counts.bytes) / (1 << 20), static_cast<double>(counts.nanoseconds) * 1e-9);
    }
    text += conditions + "\n";
  }
  if (!counted.empty())
    text += format("\n%-28s%-13s%12s%12s%14s%12s\n", "op", "device", "calls", "on the cpu", "MiB", "seconds") + counted;
  return text;
}

void write_op_report(const fs::path& file) {
  open_platforms();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const OpBase* op : OpBase::all())
    for (const DeviceKind kind : kinds) {
      const OpCounts& counts = op->counts(kind);
      rows.push_back({{"op", op->name()},
                      {"device", name_of(kind)},
                      {"support", support(*op, kind)},
                      {"condition", op->condition(kind)},
                      {"calls", counts.calls.load()},
                      {"fallback_calls", counts.fallback_calls.load()},
                      {"bytes", counts.bytes.load()},
                      {"seconds", static_cast<double>(counts.nanoseconds) * 1e-9}});
    }
  write_text_file(file, nlohmann::ordered_json{{"ops", rows}}.dump(1) + "\n");
}

std::string fallen_back_op(DeviceKind kind) {
  for (const OpBase* op : OpBase::all())
    if (op->counts(kind).fallback_calls > 0) return op->name();
  return "";
}

std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t place = static_cast<int64_t>(text.size()) - 3; place > (number < 0 ? 1 : 0); place -= 3)
    text.insert(static_cast<size_t>(place), 1, ',');
  return text;
}

}  // namespace trm
