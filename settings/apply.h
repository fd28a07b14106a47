#pragma once
#include <string>
#include <vector>

#include "settings/node.h"
#include "settings/settings.h"

namespace trm {

/// Reads every known key of a tree, references followed, into `settings`, and what it says of the data into `data`.
/// An unknown key is a warning, once. What a model always has (hrm's continue loss) is put right, with a warning where
/// the tree said otherwise. Throws SettingsError for a wrong type or a value out of range.
void apply_tree(const Node& tree, Settings& settings, DataMetadata& data, std::vector<std::string>& warnings);

/// validate(), whose message then also says where the tree got the keys that it names.
void validate_tree(const Node& tree, const Settings& settings);

/// Throws SettingsError for an unknown key; `got` is the text given for it.
[[noreturn]] void unknown_override(const std::string& path, const std::string& got);

}  // namespace trm
