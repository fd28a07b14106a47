#include "runtime/op_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "data/files.h"
#include "device/backend.h"
#include "device/op.h"
#include "device/selection.h"
#include "settings/nearest.h"

namespace trm {
namespace {

struct Kind {
  DeviceKind kind;
  bool built_in = false;
  std::string why_not;  // no device of it here
};

/// The cpu first.
std::vector<DeviceKind> columns() {
  std::vector<DeviceKind> kinds = kinds_in_order();
  std::stable_partition(kinds.begin(), kinds.end(), [](DeviceKind kind) { return kind == cpu_device.kind; });
  return kinds;
}

std::vector<Kind> open_platforms() {
  std::vector<Kind> kinds;
  for (const DeviceKind kind : columns()) {
    Platform& platform = platform_of(kind);
    Kind& one = kinds.emplace_back(Kind{kind, platform.built_in(), {}});
    try {
      if (!platform.devices(one.why_not).empty()) one.why_not.clear();
    } catch (const std::exception& error) {
      one.why_not = error.what();
    }
  }
  return kinds;
}

std::string support(const OpBase& op, const Kind& kind) {
  if (!kind.built_in) return "absent";
  if (op.native(kind.kind)) return "native";
  switch (op.without_kernel()) {
    case WithoutKernel::composed: return "composed";
    case WithoutKernel::unneeded: return "unneeded";
    case WithoutKernel::fallback: break;
  }
  return op.native(cpu_device.kind) ? "fallback" : "absent";
}

std::vector<std::string> names_of(Dtypes dtypes) {
  std::vector<std::string> names;
  if ((dtypes & Dtypes::float32) == Dtypes::float32) names.push_back("float32");
  if ((dtypes & Dtypes::bfloat16) == Dtypes::bfloat16) names.push_back("bfloat16");
  return names;
}

std::string format(const char* pattern, auto... values) {
  std::array<char, 256> text;
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

double milliseconds(const OpCounts& counts) { return static_cast<double>(counts.nanoseconds) * 1e-6; }

std::string support_table(const std::vector<Kind>& kinds) {
  std::string text = format("%-31s%-18s", "op", "dtypes");
  for (const Kind& kind : kinds) text += format("%-12s", name_of(kind.kind));
  text += " conditions\n";
  for (const OpBase* op : OpBase::all()) {
    const std::string dtypes = op->dtypes() == Dtypes::both ? "float32 bfloat16" : "float32";
    std::string line = format("%-31s%-18s", op->name(), dtypes.c_str()), conditions;
    for (const Kind& kind : kinds) {
      line += format("%-12s", support(*op, kind).c_str());
      if (op->native(kind.kind) && !op->condition(kind.kind).empty())
        conditions += std::string(conditions.empty() ? " " : "; ") + name_of(kind.kind) + ": " + op->condition(kind.kind);
    }
    line += conditions;
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  text += "\nnative: a kernel of the device; fallback: on the cpu, with copies there and back; composed: made of other ops; unneeded: never called there\n";
  for (const Kind& kind : kinds)
    if (!kind.why_not.empty()) text += std::string(name_of(kind.kind)) + ": no device here: " + kind.why_not + "\n";
  return text;
}

}  // namespace

void set_fallback(const std::string& value) {
  DispatchSettings& settings = dispatch_settings();
  const std::string only = "only:";
  std::vector<std::string> names;
  if (value.starts_with(only)) {
    std::vector<std::string> known;
    for (const OpBase* op : OpBase::all()) known.push_back(op->name());
    std::stringstream stream(value.substr(only.size()));
    for (std::string name; std::getline(stream, name, ',');) {
      if (name.empty()) continue;
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw std::runtime_error("--fallback " + value + ": there is no op '" + name + "'; did you mean " + nearest(name, known) +
                                 "? --op-report lists all");
      names.push_back(name);
    }
  }
  if (value != "on" && value != "off" && names.empty())
    throw std::runtime_error("--fallback " + value + ": expected on, off, or only:OP,OP… with the ops that may run on the cpu");
  settings.fallback = value != "off";
  settings.fallback_only = names;
}

std::string op_report() { return support_table(open_platforms()) + op_counts(); }

std::string op_counts() {
  struct Row {
    const char* op;
    DeviceKind kind;
    const OpCounts* counts;
  };
  std::vector<Row> rows;
  double total = 0;
  for (const OpBase* op : OpBase::all())
    for (const DeviceKind kind : columns())
      if (const OpCounts& counts = op->counts(kind); counts.calls > 0) {
        rows.push_back({op->name(), kind, &counts});
        total += milliseconds(counts);
      }
  if (rows.empty()) return "";
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.counts->nanoseconds > b.counts->nanoseconds; });
  std::string text = format("\n%-31s%-12s%10s%15s%14s%15s%8s\n", "op", "device", "calls", "fallback calls", "MiB", "milliseconds", "share");
  for (const Row& row : rows)
    text += format("%-31s%-12s%10llu%15llu%14.1f%15.2f%7.1f%%\n", row.op, name_of(row.kind), static_cast<unsigned long long>(row.counts->calls),
                   static_cast<unsigned long long>(row.counts->fallback_calls), static_cast<double>(row.counts->bytes) / (1 << 20),
                   milliseconds(*row.counts), total > 0 ? 100 * milliseconds(*row.counts) / total : 0);
  return text;
}

void write_op_report(const std::filesystem::path& file) {
  const std::vector<Kind> kinds = open_platforms();
  nlohmann::ordered_json devices = nlohmann::ordered_json::array(), rows = nlohmann::ordered_json::array();
  for (const Kind& kind : kinds) devices.push_back({{"device", name_of(kind.kind)}, {"built_in", kind.built_in}, {"why_not", kind.why_not}});
  for (const OpBase* op : OpBase::all())
    for (const Kind& kind : kinds) {
      const OpCounts& counts = op->counts(kind.kind);
      const bool native = op->native(kind.kind);
      rows.push_back({{"op", op->name()},
                      {"device", name_of(kind.kind)},
                      {"support", support(*op, kind)},
                      {"dtypes", native ? names_of(op->dtypes(kind.kind)) : std::vector<std::string>{}},
                      {"condition", native ? op->condition(kind.kind) : ""},
                      {"calls", counts.calls.load()},
                      {"fallback_calls", counts.fallback_calls.load()},
                      {"bytes", counts.bytes.load()},
                      {"milliseconds", milliseconds(counts)}});
    }
  write_text_file(file, nlohmann::ordered_json{{"devices", devices}, {"ops", rows}}.dump(1) + "\n");
}

std::string fallen_back_op(DeviceKind kind) {
  for (const OpBase* op : OpBase::all())
    if (op->counts(kind).fallback_calls > 0) return op->name();
  return "";
}

}  // namespace trm
