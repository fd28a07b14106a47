#include "settings/config_folders.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "settings/error.h"
#include "settings/nearest.h"
#include "settings/yaml_reader.h"
#include "text/encoding.h"
#include "text/error.h"
#include "text/printable.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

/// What follows "# @package" among the comments that a file starts with.
std::string package_line(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && (line.empty() || line[0] == '#');) {
    const auto at = line.find("@package ");
    if (at == std::string::npos) continue;
    std::istringstream(line.substr(at + 9)) >> line;
    return line;
  }
  return "_group_";
}

}  // namespace

ConfigFolders::ConfigFolders(const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    std::error_code error;
    const auto same = [&](const fs::path& other) { return other == folder || fs::equivalent(other, folder, error); };
    if (!folder.empty() && std::none_of(folders_.begin(), folders_.end(), same)) folders_.push_back(folder);
  }
}

std::optional<fs::path> ConfigFolders::find(const std::string& name) const {
  std::error_code error;
  for (const fs::path& folder : folders_)
    if (const fs::path file = folder / (name + ".yaml"); fs::is_regular_file(file, error)) return file;
  return std::nullopt;
}

bool ConfigFolders::has_group(const std::string& group) const {
  std::error_code error;
  return std::any_of(folders_.begin(), folders_.end(),
                     [&](const fs::path& f) { return fs::is_directory(f / group, error); });
}

std::vector<std::string> ConfigFolders::names(const std::string& group) const {
  std::set<std::string> found;
  for (const fs::path& folder : folders_) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / group, error))
      if (entry.path().extension() == ".yaml") found.insert(entry.path().stem().string());
  }
  return {found.begin(), found.end()};
}

ConfigFile ConfigFolders::read(const std::string& name) const {
  const auto file = find(name);
  if (!file) {
    const fs::path path(name);
    std::string message = "no config named '" + name + "'; looked in";
    for (const fs::path& folder : folders_)
      message += (&folder == &folders_.front() ? " '" : ", '") + folder.string() + "'";
    const std::vector<std::string> known = names(path.parent_path().string());
    if (known.empty()) throw SettingsError(message + ", and there are none there");
    message += "; the nearest is '" + nearest(path.filename().string(), known) + "', there are:";
    for (const std::string& other : known) message += " " + other;
    throw SettingsError(message);
  }
  std::ifstream stream(*file, std::ios::binary);
  std::ostringstream text;
  if (stream.peek() != std::ifstream::traits_type::eof()) text << stream.rdbuf();
  if (!stream && !stream.eof()) throw SettingsError("config '" + file->string() + "' cannot be read");
  std::string utf8;
  try {
    utf8 = to_utf8(text.str());
  } catch (const TextError& error) {
    throw SettingsError("config '" + printable(file->string()) + "': " + error.what());
  }
  ConfigFile config{parse_yaml(utf8, file->string()), {}, package_line(utf8)};
  if (const Node* list = config.body.find("defaults")) config.defaults = *list;
  config.body.erase("defaults");
  config.body.erase("hydra");
  return config;
}

}  // namespace trm
