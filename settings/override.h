#pragma once
#include <optional>
#include <string>

#include "settings/node.h"

namespace trm {

/// One override as typed on the command line.
struct Override {
  std::string key;            // dotted path, or a group with slashes
  bool reset = false;         // ~key: back to its default
  std::optional<Node> value;  // of key=value, +key=value, ++key=value; of ~key=value, which asks for that value
};

/// Parses `key=value`, `+key=value`, `++key=value`, `~key` or `~key=value`.
/// Throws SettingsError naming the text and what would be right.
Override parse_override(const std::string& text);

}  // namespace trm
