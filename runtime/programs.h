#pragma once
// What the programs say and do alike.
#include <filesystem>
#include <string>

#include "device/device.h"

namespace trm {

/// "0.1.0"
std::string program_version();

/// The configurations that were installed with this program (<its folder>/../share/trm/config), or those of the source
/// tree that it was built in; empty where there are none.
std::filesystem::path installed_config_folder();

/// Threads that computations on the cpu use: OMP_NUM_THREADS, else the cores.
int thread_count();

/// The table of --op-report: a row an op, a column a device kind: native, fallback or absent, and what was counted.
std::string op_report();
/// The same as JSON: {"ops": [{"op", "device", "support", "condition", "calls", "fallback_calls", "bytes",
/// "seconds"}]}. Throws std::runtime_error naming the file.
void write_op_report(const std::filesystem::path& file);

/// An op that has run on the cpu instead of `kind`, with the reason for it: "" where none has.
std::string fallen_back_op(DeviceKind kind);

/// "1,234,567"
std::string with_commas(int64_t number);

}  // namespace trm
