#include "settings/yaml_reader.h"

#include <yaml-cpp/yaml.h>

#include <set>

#include "settings/error.h"

namespace trm {
namespace {

/// Bounds what a hostile document (an alias of itself, a tower of aliases) can make of itself.
struct Reader {
  std::string name;   // of the document
  bool lines = true;  // whether an origin carries its line
  int nodes_left = 100000;

  std::string origin(const YAML::Node& yaml) const {
    return lines && yaml.Mark().line >= 0 ? name + ":" + std::to_string(yaml.Mark().line + 1) : name;
  }

  Node read(const YAML::Node& yaml, int depth) {
    if (depth > 64 || --nodes_left < 0) throw SettingsError(origin(yaml) + ": nested too deep, or an alias of itself");
    const std::string where = origin(yaml);
    if (yaml.IsScalar()) {
      Node node = Node::scalar(yaml.Scalar(), where);
      node.quoted = yaml.Tag() == "!";
      return node;
    }
    if (yaml.IsSequence()) {
      Node node = Node::list(where);
      for (const auto& item : yaml) node.items.push_back(read(item, depth + 1));
      return node;
    }
    Node node;
    node.origin = where;
    if (yaml.IsMap()) read_map(yaml, depth, node);
    return node;
  }

  void read_map(const YAML::Node& yaml, int depth, Node& node) {
    node.kind = Node::Kind::map;
    std::set<std::string> seen;
    for (const auto& entry : yaml) {
      if (!entry.first.IsScalar()) throw SettingsError(origin(entry.first) + ": a key must be a word");
      const std::string& key = entry.first.Scalar();
      if (key == "<<") continue;
      if (!seen.insert(key).second) throw SettingsError(origin(entry.first) + ": key '" + key + "' is given twice");
      Node value = read(entry.second, depth + 1);
      if (!value.is_map() && !value.is_list()) value.origin = origin(entry.first);
      if (depth == 0)
        node.set(key, std::move(value));
      else
        node.entries.emplace_back(key, std::move(value));
    }
    for (const auto& entry : yaml)
      if (entry.first.IsScalar() && entry.first.Scalar() == "<<") merge_under(entry.second, depth, node);
  }

  /// The merge key of YAML 1.1: what it brings stands under what the map says itself.
  void merge_under(const YAML::Node& yaml, int depth, Node& node) {
    if (yaml.IsSequence()) {
      for (const auto& item : yaml) merge_under(item, depth + 1, node);
      return;
    }
    for (auto& [key, value] : read(yaml, depth + 1).entries)
      if (!node.find(key)) node.entries.emplace_back(key, std::move(value));
  }
};

}  // namespace

Node parse_yaml(const std::string& text, const std::string& name) {
  try {
    Node node = Reader{name}.read(YAML::Load(text), 0);
    if (node.is_null()) node.kind = Node::Kind::map;
    if (!node.is_map())
      throw SettingsError(name + ": got '" + to_text(node) + "', a config is a map of keys to values");
    return node;
  } catch (const YAML::Exception& error) {
    throw SettingsError(name + ":" + std::to_string(error.mark.line + 1) + ": malformed YAML: " + error.msg);
  }
}

Node parse_value(const std::string& text, const std::string& key) {
  const auto first = text.find_first_not_of(" \t\n");
  const std::string value =
      first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
  const std::string origin = "command line";
  if (value.empty() || std::string("[{\"'").find(value[0]) == std::string::npos) {
    Node node = Node::scalar(value, origin);
    if (value == "null" || value == "~" || value == "Null" || value == "NULL") node.kind = Node::Kind::null;
    return node;
  }
  try {
    return Reader{origin, false}.read(YAML::Load(value), 1);
  } catch (const YAML::Exception& error) {
    throw SettingsError(key + ": got '" + value + "' (command line), which is not YAML: " + error.msg +
                        "; write a list as [a,b], a map as {a: b}, and quote text with brackets in it");
  }
}

}  // namespace trm
