#pragma once
// Makes a row of the key table from a member of Settings, ArchSettings or its Architecture.
#include <algorithm>
#include <optional>

#include "settings/key_types.h"

namespace trm {

inline Settings& owner(Settings& settings, const Settings*) { return settings; }
inline const Settings& owner(const Settings& settings, const Settings*) { return settings; }
inline Architecture& owner(Settings& settings, const Architecture*) { return settings.arch; }
inline const Architecture& owner(const Settings& settings, const Architecture*) { return settings.arch; }
inline ArchSettings& owner(Settings& settings, const ArchSettings*) { return settings.arch; }
inline const ArchSettings& owner(const Settings& settings, const ArchSettings*) { return settings.arch; }

/// A key of any type within a range.
template <class Owner, class T>
Key key(const std::string& path, T Owner::*member, const std::string& help, Range range = {}) {
  Key row{path, takes(range, static_cast<const T*>(nullptr)), help, {}, {}, {}, {}};
  row.read = [member, range](Settings& settings, const Node& node) {
    return read_value(node, range, owner(settings, static_cast<const Owner*>(nullptr)).*member);
  };
  row.write = [member](const Settings& settings) {
    return write_value(owner(settings, static_cast<const Owner*>(nullptr)).*member);
  };
  row.default_value = row.write(Settings{});
  return row;
}

/// A key that takes one of a few words; `reading` gives the word kept for a text, by default the word itself.
template <class Owner>
Key word(const std::string& path, std::string Owner::*member, const std::string& help,
         const std::vector<std::string>& choices, Reading reading = {}, const std::string& others = "") {
  Key row = key(path, member, help);
  row.choices = choices;
  row.takes = "one of ";
  for (std::size_t i = 0; i < choices.size(); ++i) row.takes += (i ? ", " : "") + choices[i];
  row.takes += others;
  if (!reading)
    reading = [choices](const std::string& text) {
      const auto found = std::find(choices.begin(), choices.end(), text);
      return found == choices.end() ? std::nullopt : std::optional(*found);
    };
  row.read = [member, reading](Settings& settings, const Node& node) {
    const auto value = node.is_scalar() ? reading(node.text) : std::nullopt;
    if (value) owner(settings, static_cast<const Owner*>(nullptr)).*member = *value;
    return value.has_value();
  };
  return row;
}

/// The same key, where null stands for its default.
inline Key or_null(Key row) {
  row.takes += ", or null";
  row.read = [read = row.read, usual = row.default_value](Settings& settings, const Node& node) {
    return read(settings, node.is_null() ? usual : node);
  };
  return row;
}

}  // namespace trm
