#include "pretrain/metrics_log.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "checkpoint/atomic_file.h"
#include "data/files.h"
#include "pretrain/append.h"

namespace trm {
MetricsLog::MetricsLog(const std::filesystem::path& folder, std::optional<int64_t> resumed_step)
    : file_(folder / "metrics.jsonl") {
  if (resumed_step)
    keep_up_to(*resumed_step);
  else if (std::filesystem::exists(file_))
    checkpoint::write_file(file_, "");
  if (const int error = append_whole(file_, ""))
    throw std::runtime_error("cannot write " + quoted(file_) + ": " + std::strerror(error));
}

void MetricsLog::keep_up_to(int64_t step) {
  std::ifstream in(file_, std::ios::binary);
  if (!in) return;
  const std::string before{std::istreambuf_iterator<char>(in), {}};
  std::string kept;
  std::istringstream lines(before);
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    const bool whole = parsed.is_object() && parsed.contains("step") && parsed["step"].is_number_integer();
    if (whole && parsed["step"].get<int64_t>() <= step) kept += line + "\n";
  }
  if (kept != before) checkpoint::write_file(file_, kept);
}

std::optional<std::string> MetricsLog::write(int64_t step, const Metrics& metrics) {
  nlohmann::ordered_json line;
  line["step"] = step;
  for (const auto& [name, value] : metrics) line[name] = value;  // not finite: dumped as null
  const int error = append_whole(file_, line.dump() + "\n");
  if (error == 0 || failed_) return std::nullopt;
  failed_ = true;
  return "cannot write " + quoted(file_) + ": " + std::strerror(error) + "; lines of metrics are missing there";
}

}  // namespace trm
