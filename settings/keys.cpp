#include "settings/keys.h"

#include <algorithm>

#include "settings/nearest.h"
#include "settings/scalars.h"

namespace trm {

const Key* find_key(const std::string& path) {
  for (const Key& key : keys())
    if (key.path == path) return &key;
  return nullptr;
}

bool is_section(const std::string& path) {
  return std::any_of(keys().begin(), keys().end(), [&](const Key& key) { return key.path.rfind(path + ".", 0) == 0; });
}

namespace {

bool all_text(const Node& node) {
  return is_text(node.text) && std::all_of(node.items.begin(), node.items.end(), all_text) &&
         std::all_of(node.entries.begin(), node.entries.end(),
                     [](const auto& entry) { return is_text(entry.first) && all_text(entry.second); });
}

}  // namespace

std::string wrong_value(const Key& key, const Node& got) {
  std::string message = key.path + ": got '" + to_text(got) + "'";
  if (!got.origin.empty()) message += " (" + got.origin + ")";
  message += ", takes " + key.takes;
  if (!all_text(got)) message += "; this is not UTF-8";
  if (!got.is_scalar()) return message;
  if (!key.choices.empty()) message += "; the nearest is " + nearest(got.text, key.choices);
  if (key.default_value.is_list()) message += "; write " + key.path + "=[" + got.text + "]";
  if (const auto number = to_number(got.text); number && *number > 2147483647.0) message += "; this one is too large";
  return message;
}

const Key& nearest_key(const std::string& path) {
  std::vector<std::string> paths;
  for (const Key& key : keys()) paths.push_back(key.path);
  return *find_key(nearest(path, paths));
}

std::string describe_keys() {
  std::string out;
  for (const Key& key : keys()) {
    out += key.path + " = " + to_text(key.default_value) + "\n    " + key.help + "\n    takes " + key.takes + "\n";
  }
  return out;
}

}  // namespace trm
