#include "evaluation/arc_identifiers.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/files.h"
#include "puzzles/arc/arc.h"
#include "puzzles/error.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> read_names(const fs::path& file) {
  const std::string text = read_text_file(file);
  try {
    return nlohmann::json::parse(text).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw DataError(quoted(file) + " is not a JSON list of names: " + error.what());
  }
}

}  // namespace

ArcIdentifiers::ArcIdentifiers(fs::path folder) : folder_(std::move(folder)) {
  const fs::path puzzles = folder_ / "test_puzzles.json", names = folder_ / "identifiers.json";
  std::map<std::string, int32_t, std::less<>> by_id;
  try {
    tasks_ = read_arc_tasks(read_text_file(puzzles), quoted(puzzles));
    for (const ArcTask& task : tasks_) by_id.emplace(task.id, static_cast<int32_t>(by_id.size()));
    for (const std::string& name : read_names(names)) {
      Identifier& identifier = identifiers_.emplace_back();
      const auto task = by_id.find(std::string_view(name).substr(0, name.find("|||")));
      if (task != by_id.end()) identifier = {task->second, parse_arc_name(name).second};
    }
  } catch (const PuzzleError& error) {
    throw DataError(std::string(error.what()) + " (ARC's identifiers are read from " + quoted(names) + " and " +
                    quoted(puzzles) + ")");
  }
}

std::optional<ArcIdentifiers> ArcIdentifiers::find(const Settings& settings, const PuzzleKind& kind) {
  if (kind.name() != "arc") return std::nullopt;
  for (const std::string& path : settings.data_paths)
    if (fs::exists(fs::path(path) / "test_puzzles.json") && fs::exists(fs::path(path) / "identifiers.json"))
      return ArcIdentifiers(path);
  return std::nullopt;
}

const ArcIdentifiers::Identifier& ArcIdentifiers::at(int32_t identifier) const {
  if (identifier < 0 || static_cast<size_t>(identifier) >= identifiers_.size())
    throw DataError(quoted(folder_ / "identifiers.json") + " has " + std::to_string(identifiers_.size()) +
                    " names, and the data uses puzzle identifier " + std::to_string(identifier));
  return identifiers_[static_cast<size_t>(identifier)];
}

std::vector<View> ArcIdentifiers::views_of(std::span<const int32_t> input, int count) const {
  const ArcGrid grid = crop_canvas(input);
  const auto has_input = [&](const ArcTask& task) {
    return std::any_of(task.test.begin(), task.test.end(), [&](const ArcPair& pair) { return pair.input == grid; });
  };
  const auto task = std::find_if(tasks_.begin(), tasks_.end(), has_input);
  if (task == tasks_.end()) return {};
  std::vector<View> own, views;
  for (size_t id = 0; id < identifiers_.size(); ++id) {
    if (identifiers_[id].task != task - tasks_.begin()) continue;
    const bool unchanged = identifiers_[id].augmentation == ArcAugmentation{};
    own.insert(unchanged ? own.begin() : own.end(),
               View{arc_symmetry(identifiers_[id].augmentation), static_cast<int32_t>(id)});
  }
  const size_t wanted = std::min(own.size(), static_cast<size_t>(count));
  for (size_t i = 0; i < wanted; ++i) views.push_back(own[i * own.size() / wanted]);
  return views;
}

}  // namespace trm
