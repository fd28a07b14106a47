#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "pretrain/metrics_log.h"

namespace trm {

/// The metrics of a run as TensorBoard reads them: events.out.tfevents.<seconds>.<pid> in the run's folder.
///
/// A file is a row of records: length (uint64), masked CRC-32C of it (uint32), data, masked CRC-32C of the data; all
/// little-endian. Data is a protobuf message Event {wall_time = 1; step = 2; file_version = 3; summary = 5; session_log
/// = 7}, with Summary {value = 1}, Value {tag = 1; simple_value = 2} and SessionLog {status = 1}. Written out here: it
/// is a few scalars, and neither a code generator nor a CRC-32C library is on every system that we build on.
class EventFile {
 public:
  /// Of older files in the folder TensorBoard drops what is later than `resumed_step`, or all where this run does not
  /// continue another. Throws std::runtime_error naming the file where it cannot be written.
  EventFile(const std::filesystem::path& folder, std::optional<int64_t> resumed_step);

  /// Returns what went wrong the first time that writing fails; training need not stop for it.
  std::optional<std::string> write(int64_t step, const Metrics& metrics);

  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  bool failed_ = false;
};

}  // namespace trm
