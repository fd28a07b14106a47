#pragma once
// A configuration tree before it has types: what YAML files and the command line say, with the place it was said.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trm {

struct Node {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string text;                                   // of a scalar, unquoted
  bool quoted = false;                                // a scalar that was, or must be, written in quotes
  std::vector<Node> items;                            // of a list
  std::vector<std::pair<std::string, Node>> entries;  // of a map, in the order written
  std::string origin;                                 // "config/cfg_chat.yaml:7" or "command line"

  static Node scalar(std::string text, std::string origin = {});
  static Node list(std::string origin = {});
  static Node map(std::string origin = {});

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }

  /// The node at a dotted path ("arch.loss.loss_type", "" is this one), or null where there is none.
  const Node* find(std::string_view path) const;
  /// Puts `value` at a dotted path, making maps on the way; a map is merged into a map that is there.
  /// Throws SettingsError where something on the way is not a map.
  void set(std::string_view path, Node value);
  /// Removes what is at a dotted path, if anything.
  void erase(std::string_view path);
};

/// Merges `from` over `into`: maps key by key; anything else replaces. Null does not replace a map.
void merge(Node& into, Node from);

/// One line in YAML's flow form, cut at 120 characters: for messages.
std::string to_text(const Node& node);

}  // namespace trm
