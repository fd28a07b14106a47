#include "settings/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "settings/error.h"
#include "text/encoding.h"
#include "text/error.h"
#include "text/printable.h"

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

  /// For each node that is looked at.
  void require_room(const YAML::Node& yaml, int depth) {
    if (depth > 64 || --nodes_left < 0) throw SettingsError(origin(yaml) + ": nested too deep, or an alias of itself");
  }

  Node read(const YAML::Node& yaml, int depth) {
    require_room(yaml, depth);
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
      if (!seen.insert(key).second)
        throw SettingsError(origin(entry.first) + ": key '" + printable(key) + "' is given twice");
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
    require_room(yaml, depth);
    if (yaml.IsSequence()) {
      for (const auto& item : yaml) merge_under(item, depth + 1, node);
      return;
    }
    for (auto& [key, value] : read(yaml, depth + 1).entries)
      if (!node.find(key)) node.entries.emplace_back(key, std::move(value));
  }
};

/// Notes where a document begins, and nothing else of it.
struct Beginning final : YAML::EventHandler {
  std::optional<YAML::Mark> at;

  void OnDocumentStart(const YAML::Mark& mark) override { at = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// Where what the library leaves unread begins: it stops behind the first node, and says nothing of what follows.
std::optional<YAML::Mark> unread(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Beginning first, second;
  if (!parser.HandleNextDocument(first)) return std::nullopt;
  try {
    parser.HandleNextDocument(second);
  } catch (const YAML::Exception& error) {
    if (!second.at) return error.mark;
  }
  if (!second.at) return std::nullopt;
  // An empty document ("---" at the end) is nothing that would be lost.
  std::istringstream rest(text.substr(std::min<std::size_t>(text.size(), static_cast<std::size_t>(second.at->pos))));
  for (std::string line; std::getline(rest, line);) {
    const auto start = line.find_first_not_of(" \t\r");
    const std::string word =
        start == std::string::npos ? "" : line.substr(start, line.find_last_not_of(" \t\r") - start + 1);
    if (!word.empty() && word[0] != '#' && word != "---" && word != "...") return second.at;
  }
  return std::nullopt;
}

/// YAML has no control characters, and the library takes one of them (0x04) for the end.
std::string checked_text(const std::string& text, const std::string& name) {
  try {
    std::string checked = to_utf8(text);
    for (std::size_t i = 0; i < checked.size(); ++i) {
      const auto c = static_cast<unsigned char>(checked[i]);
      if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
        throw TextError(line_and_column(checked, i) + " has the control character " + printable(checked.substr(i, 1)) +
                        ", which YAML does not allow");
    }
    return checked;
  } catch (const TextError& error) {
    throw SettingsError(name + ": " + error.what());
  }
}

/// "[a],[b]" as the one list that was meant, "" where that is not so clear.
std::string as_one_list(const std::string& value) {
  if (value.find_first_of("{}\"'") != std::string::npos) return "";
  std::string list;
  for (const char c : value) {
    const bool between = c == '[' || c == ']' || c == ',' || c == ' ';
    if (!between)
      list += c;
    else if (!list.empty() && list.back() != ',')
      list += ',';
  }
  if (list.ends_with(',')) list.pop_back();
  return "[" + list + "]";
}

}  // namespace

Node parse_yaml(const std::string& given, const std::string& name) {
  const std::string text = checked_text(given, name);
  try {
    Node node = Reader{name}.read(YAML::Load(text), 0);
    if (const auto rest = unread(text))
      throw SettingsError(
          name + ":" + std::to_string(rest->line + 1) +
          ": more follows the end of the document, and would not be read: a config is one YAML document");
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
  const std::string got = key + ": got '" + printable(value) + "' (command line), ";
  checked_text(value, key);
  try {
    Node node = Reader{origin, false}.read(YAML::Load(value), 1);
    const auto rest = unread(value);
    if (!rest) return node;
    const std::string what = node.is_list() ? "list" : node.is_map() ? "map" : "quoted text";
    const std::string meant = node.is_list() ? as_one_list(value) : "";
    throw SettingsError(
        got + "where '" + printable(value.substr(std::min(value.size(), static_cast<std::size_t>(rest->pos)))) +
        "' follows the " + what + (meant.empty() ? ": give one " + what : "; write " + key + "=" + meant));
  } catch (const YAML::Exception& error) {
    throw SettingsError(got + "which is not YAML: " + error.msg +
                        "; write a list as [a,b], a map as {a: b}, and quote text with brackets in it");
  }
}

}  // namespace trm
