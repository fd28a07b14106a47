#include "settings/defaults_list.h"

#include <algorithm>

#include "settings/error.h"

namespace trm {
namespace {

[[noreturn]] void fail(const Node& at, const std::string& file) {
  throw SettingsError((at.origin.empty() ? file : at.origin) + ": got '" + to_text(at) + "' in the defaults of '" +
                      file + "', which takes a list of _self_, CONFIG and GROUP: OPTION, such as\n" +
                      "  defaults:\n    - arch: trm\n    - _self_");
}

/// Takes a leading word such as "override " off the text.
bool take_word(std::string& text, const std::string& word) {
  if (text.rfind(word + " ", 0) != 0) return false;
  text.erase(0, word.size() + 1);
  text.erase(0, text.find_first_not_of(' '));
  return true;
}

std::string without_suffix(std::string name) {
  if (name.size() > 5 && name.ends_with(".yaml")) name.resize(name.size() - 5);
  return name;
}

DefaultsEntry parse_entry(const Node& item, const std::string& file) {
  DefaultsEntry entry;
  entry.origin = item.origin;
  if (item.is_scalar() && !item.text.empty()) {
    entry.name = without_suffix(item.text);
    entry.kind = entry.name == "_self_" ? DefaultsEntry::Kind::self : DefaultsEntry::Kind::config;
  } else if (item.is_map() && item.entries.size() == 1) {
    entry.kind = DefaultsEntry::Kind::group;
    entry.name = item.entries[0].first;
    const Node& choice = item.entries[0].second;
    for (bool more = true; more;) {
      const bool overrides = take_word(entry.name, "override"), optional = take_word(entry.name, "optional");
      entry.overrides |= overrides;
      entry.optional |= optional;
      more = overrides || optional;
    }
    if (choice.is_scalar()) entry.options = {without_suffix(choice.text)};
    for (const Node& option : choice.items) {
      if (!option.is_scalar()) fail(item, file);
      entry.options.push_back(without_suffix(option.text));
    }
    if (choice.is_map()) fail(item, file);
  } else {
    fail(item, file);
  }
  if (const auto at = entry.name.find('@'); at != std::string::npos) {
    entry.package = entry.name.substr(at + 1);
    entry.name.resize(at);
  }
  if (entry.name.empty()) fail(item, file);
  return entry;
}

}  // namespace

std::vector<DefaultsEntry> parse_defaults(const Node& list, const std::string& file) {
  std::vector<DefaultsEntry> entries;
  if (!list.is_list() && !list.is_null()) fail(list, file);
  for (const Node& item : list.items) entries.push_back(parse_entry(item, file));
  const auto is_self = [](const DefaultsEntry& entry) { return entry.kind == DefaultsEntry::Kind::self; };
  const auto selves = std::count_if(entries.begin(), entries.end(), is_self);
  if (selves > 1) throw SettingsError("the defaults of '" + file + "' name _self_ twice");
  if (selves == 0) entries.emplace_back();
  return entries;
}

}  // namespace trm
