#pragma once
// The settings of a run, out of config files and the command line.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "settings/settings.h"

namespace trm {

/// What the user asked for. Configs are looked for in `config_path`, then `local_folder`, then `installed_folder`.
struct LoadRequest {
  std::string config_name = "cfg_pretrain";          // or the path of a YAML file
  std::optional<std::filesystem::path> config_path;  // --config-path
  std::vector<std::string> overrides;                // key=value, +key=value, ++key=value, ~key, arch=NAME
  std::filesystem::path local_folder = "config";
  std::filesystem::path installed_folder;  // <program's folder>/../share/trm/config; may be empty
};

struct LoadedSettings {
  Settings settings;
  std::vector<std::string> warnings;  // to be said once each
};

/// The same settings with overrides (key=value, ~key) over them. Throws SettingsError as load_settings.
LoadedSettings with_overrides(const Settings& settings, const std::vector<std::string>& overrides);

/// Composes the files, applies the overrides in their order (groups such as arch=NAME first), then follows `${…}`
/// references, so that they see what was overridden. The result has passed validate(); data_paths may still be empty.
/// Throws SettingsError naming the key, what it got and from where, what it takes, and the nearest name.
LoadedSettings load_settings(const LoadRequest& request);

}  // namespace trm
