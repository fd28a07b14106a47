#pragma once
// Every key, declared once: its path in the YAML tree, what it takes, its default and what it means. Reading, error
// messages, printing and the list of keys all come from this table.
#include <functional>
#include <string>
#include <vector>

#include "settings/node.h"
#include "settings/settings.h"

namespace trm {

struct Key {
  std::string path;   // "arch.hidden_size"
  std::string takes;  // "an integer of at least 1"
  std::string help;
  std::vector<std::string> choices;  // where it takes one of a few words
  /// Sets it from a resolved value; false, and nothing set, where that is not what the key takes.
  std::function<bool(Settings&, const Node&)> read;
  /// Its value as YAML; a null function for a key that is accepted and not kept.
  std::function<Node(const Settings&)> write;
  Node default_value;
};

/// In the order in which they are printed.
const std::vector<Key>& keys();

/// nullptr where there is none.
const Key* find_key(const std::string& path);

/// Whether the path is a map of keys: "arch", "arch.loss".
bool is_section(const std::string& path);

/// "path: got 'x' (where), takes …", with the nearest choice where it takes one of a few words.
std::string wrong_value(const Key& key, const Node& got);

/// The known key nearest to an unknown one.
const Key& nearest_key(const std::string& path);

/// One paragraph a key: path, what it takes, default, help.
std::string describe_keys();

}  // namespace trm
