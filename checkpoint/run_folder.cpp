#include "checkpoint/run_folder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "checkpoint/atomic_file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/torch_import.h"
#include "text/json.h"

namespace trm::checkpoint {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view prefix = "step_";
constexpr std::string_view extension = ".h5";

/// The n of step_<n><extension>, written without leading zeros.
std::optional<int64_t> parse_step(std::string_view name, std::string_view extension) {
  if (!name.starts_with(prefix) || !name.ends_with(extension) || name.size() < prefix.size() + extension.size())
    return std::nullopt;
  const auto digits = name.substr(prefix.size(), name.size() - prefix.size() - extension.size());
  int64_t step = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  if (error != std::errc{} || step < 0 || std::to_string(step) != digits) return std::nullopt;
  return step;
}

std::vector<fs::path> files_with_steps(const fs::path& folder, std::string_view extension) {
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const auto step = parse_step(entry->path().filename().string(), extension);
    if (step && entry->is_regular_file(ignored)) found.emplace_back(*step, entry->path());
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> files;
  for (auto& [step, file] : found) files.push_back(std::move(file));
  return files;
}

fs::path best_file(const fs::path& folder) { return folder / "best.json"; }

}  // namespace

fs::path checkpoint_name(const fs::path& folder, int64_t step) {
  return folder / (std::string(prefix) + std::to_string(step) + std::string(extension));
}

std::optional<int64_t> step_of(const fs::path& file) { return parse_step(file.filename().string(), extension); }

std::vector<fs::path> checkpoints_in(const fs::path& folder) { return files_with_steps(folder, extension); }

std::optional<fs::path> newest_whole(const fs::path& folder, std::vector<std::string>* skipped) {
  auto files = checkpoints_in(folder);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    try {
      verify(*file);
      return *file;
    } catch (const Error& error) {
      if (skipped) skipped->push_back(error.what());
    }
  }
  return std::nullopt;
}

int keep_last(const fs::path& folder, int count, const std::vector<int64_t>& protect) {
  auto files = checkpoints_in(folder);
  if (count <= 0 || files.size() <= static_cast<size_t>(count)) return 0;
  files.resize(files.size() - static_cast<size_t>(count));
  const auto best = read_best(folder);
  int removed = 0;
  for (const auto& file : files) {
    const int64_t step = *step_of(file);
    if ((best && best->step == step) || std::find(protect.begin(), protect.end(), step) != protect.end()) continue;
    std::error_code error;
    fs::remove(file, error);
    if (error) throw Error("cannot remove the old checkpoint '" + file.string() + "': " + error.message());
    ++removed;
  }
  return removed;
}

void write_best(const fs::path& folder, const Best& best) {
  const nlohmann::json json = {{"file", checkpoint_name("", best.step).string()},
                               {"step", best.step},
                               {"metric", best.metric},
                               {"value", best.value}};  // not a number is stored as null
  write_file(best_file(folder), json.dump(2) + "\n");
}

std::optional<Best> read_best(const fs::path& folder) {
  const fs::path path = best_file(folder);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  try {
    std::ifstream stream(path);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const auto json = parse_json(text);
    const auto& value = json.at("value");
    return Best{json.at("step").get<int64_t>(), json.at("metric").get<std::string>(),
                value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>()};
  } catch (const std::exception&) {
    throw Error("'" + path.string() +
                "', which says what checkpoint of the run is best, cannot be read or is damaged: name a checkpoint "
                "file, or remove it (then the newest one is taken)");
  }
}

fs::path find_checkpoint(const fs::path& file_or_folder) {
  std::error_code ignored;
  if (!fs::exists(file_or_folder, ignored)) throw Error("no such checkpoint: '" + file_or_folder.string() + "'");
  if (!fs::is_directory(file_or_folder, ignored)) return file_or_folder;
  if (const auto best = read_best(file_or_folder))
    if (auto file = checkpoint_name(file_or_folder, best->step); fs::exists(file, ignored)) return file;
  std::vector<std::string> skipped;
  if (auto newest = newest_whole(file_or_folder, &skipped)) return *newest;
  const auto foreign = files_with_steps(file_or_folder, "");
  for (auto file = foreign.rbegin(); file != foreign.rend(); ++file)
    if (is_torch_file(*file)) return *file;
  std::string message = "no whole checkpoint (step_<n>.h5) in folder '" + file_or_folder.string() + "'";
  for (const auto& reason : skipped) message += "\n  " + reason;
  throw Error(message);
}

}  // namespace trm::checkpoint
