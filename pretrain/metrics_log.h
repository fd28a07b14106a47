#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/metrics.h"

namespace trm {

/// A run's metrics.jsonl: a JSON object a line, each with "step". Lines are appended whole, at once.
class MetricsLog {
 public:
  /// Of a run that continues from `resumed_step`, later lines (and a line that was cut short) are removed, as they will
  /// come again. Throws std::runtime_error naming the file where it cannot be written.
  MetricsLog(const std::filesystem::path& folder, std::optional<int64_t> resumed_step);

  /// Returns what went wrong the first time that writing fails; training need not stop for it.
  std::optional<std::string> write(int64_t step, const Metrics& metrics);

  const std::filesystem::path& file() const { return file_; }

 private:
  void keep_up_to(int64_t step);

  std::filesystem::path file_;
  bool failed_ = false;
};

}  // namespace trm
