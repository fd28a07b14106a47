#pragma once
#include <string>

#include "settings/node.h"

namespace trm {

/// Reads a YAML document into a tree; `name` is what messages call it. Anchors and merge keys (<<) are followed, dotted
/// keys of the top map are paths. Throws SettingsError naming the line of malformed YAML, a key given twice, or a
/// document that is not a map; an empty document is an empty map.
Node parse_yaml(const std::string& text, const std::string& name);

/// Reads a value as typed on the command line: YAML's flow form after [, {, " or ', else the plain text as it stands;
/// "null" and "~" are null. Throws SettingsError naming `key`.
Node parse_value(const std::string& text, const std::string& key);

}  // namespace trm
