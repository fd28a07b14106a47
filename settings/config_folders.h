#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "settings/node.h"

namespace trm {

/// A config file, read.
struct ConfigFile {
  Node body;            // without its defaults list and its `hydra:` block
  Node defaults;        // its defaults list, or null
  std::string package;  // of a "# @package …" line: where its body goes, "_group_" where it has none
};

/// The folders that configs are looked for in, the first that has a file winning.
class ConfigFolders {
 public:
  explicit ConfigFolders(const std::vector<std::filesystem::path>& folders);

  /// The file of a config ("cfg_chat", "arch/trm"), if any folder has it.
  std::optional<std::filesystem::path> find(const std::string& name) const;
  /// Reads it. Throws SettingsError naming the folders looked in and the nearest names, or what is malformed.
  ConfigFile read(const std::string& name) const;
  /// Whether some folder has a group (a subfolder) of that name.
  bool has_group(const std::string& group) const;

 private:
  std::vector<std::string> names(const std::string& group) const;

  std::vector<std::filesystem::path> folders_;
};

}  // namespace trm
