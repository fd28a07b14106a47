#include "settings/stored.h"

#include <yaml-cpp/yaml.h>

#include "settings/apply.h"
#include "settings/keys.h"
#include "settings/scalars.h"
#include "settings/yaml_reader.h"

namespace trm {
namespace {

void emit(YAML::Emitter& out, const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      out << YAML::Null;
      break;
    case Node::Kind::scalar:
      if (node.quoted) out << YAML::DoubleQuoted;
      out << node.text;
      break;
    case Node::Kind::list:
      out << YAML::Flow << YAML::BeginSeq;
      for (const Node& item : node.items) emit(out, item);
      out << YAML::EndSeq;
      break;
    case Node::Kind::map:
      out << YAML::BeginMap;
      for (const auto& [name, value] : node.entries) {
        out << YAML::Key << name << YAML::Value;
        emit(out, value);
      }
      out << YAML::EndMap;
  }
}

}  // namespace

std::string to_yaml(const Settings& settings, const DataMetadata& data) {
  Node tree = Node::map();
  for (const Key& key : keys())
    if (key.write) tree.set(key.path, key.write(settings));
  const auto add = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) tree.set(name, from_integer(*value));
  };
  add("seq_len", data.seq_len);
  add("vocab_size", data.vocab_size);
  add("num_puzzle_identifiers", data.num_puzzle_identifiers);
  add("pad_id", data.pad_id);
  if (data.puzzle_kind) tree.set("puzzle_kind", from_string(*data.puzzle_kind));
  YAML::Emitter out;
  out.SetNullFormat(YAML::LowerNull);
  emit(out, tree);
  return std::string(out.c_str()) + "\n";
}

StoredSettings settings_from_yaml(const std::string& text, const std::string& name) {
  StoredSettings stored;
  const Node tree = parse_yaml(text, name);
  apply_tree(tree, stored.settings, stored.data, stored.warnings);
  validate_tree(tree, stored.settings);
  return stored;
}

}  // namespace trm
