#pragma once
// A run's whole configuration as text: --print-config, all_config.yaml, and the config in a checkpoint.
#include <string>
#include <vector>

#include "settings/settings.h"

namespace trm {

/// Every key with its value, nothing left to resolve; what is known of the data follows.
std::string to_yaml(const Settings& settings, const DataMetadata& data = {});

struct StoredSettings {
  Settings settings;
  DataMetadata data;
  std::vector<std::string> warnings;  // unknown keys
};

/// Reads what to_yaml wrote, or the all_config.yaml of a run of the Python project; `name` is what messages call it.
/// Throws SettingsError for malformed YAML, and for settings that this program cannot have.
StoredSettings settings_from_yaml(const std::string& text, const std::string& name);

}  // namespace trm
