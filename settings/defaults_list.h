#pragma once
// The `defaults:` list of a config: which other files it is made of, and in which order (https://hydra.cc, "The
// Defaults List").
#include <string>
#include <vector>

#include "settings/node.h"

namespace trm {

/// One entry of a defaults list.
struct DefaultsEntry {
  enum class Kind { self, config, group };

  Kind kind = Kind::self;
  std::string name;                  // of a config ("cfg_pretrain"), of a group ("arch")
  std::vector<std::string> options;  // of a group, merged in this order; none for `group: null`
  std::string package;               // "@package" if it says one: the key its content goes to
  bool overrides = false;            // "override group: option": replaces what the other entries choose
  bool optional = false;             // "optional group: option": no error where there is no such file
  std::string origin;
};

/// Reads a list; adds `_self_` at the end where it has none (a config wins over what it is made of).
/// `file` names the config in messages. Throws SettingsError for what is not such a list, and for `_self_` twice.
std::vector<DefaultsEntry> parse_defaults(const Node& list, const std::string& file);

}  // namespace trm
