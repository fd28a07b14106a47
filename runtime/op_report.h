#pragma once
// What --fallback and --op-report of the programs do.
#include <filesystem>
#include <string>

#include "device/device.h"

namespace trm {

/// Sets what happens to ops without a kernel on the device: "on", "off" (an error), "only:a,b" (an error but for these). Beats TRM_FALLBACK.
/// Throws std::runtime_error that names what is wrong and the nearest op.
void set_fallback(const std::string& value);

/// The table of --op-report. A row an op, a column a kind of device: native, fallback (runs on the cpu), composed (optional: made of other ops),
/// unneeded, absent (no backend here). Then op_counts().
std::string op_report();
/// For ops that have been called: calls, fallback calls, bytes, and where it was measured time (without the ops called inside), longest first; else empty.
std::string op_counts();
/// The same as JSON: {"devices": [{"device", "built_in", "why_not"}], "ops": [{"op", "device", "support", "dtypes", "condition", "calls",
/// "fallback_calls", "bytes", "milliseconds"}]}. Throws std::runtime_error naming the file.
void write_op_report(const std::filesystem::path& file);

/// An op that has run on the cpu instead of `kind`: "" where none has.
std::string fallen_back_op(DeviceKind kind);

}  // namespace trm
