#pragma once
#include <map>

#include "settings/config_folders.h"
#include "settings/defaults_list.h"

namespace trm {

/// Options of groups chosen on the command line: {"arch": {"trm_small"}}.
using Choices = std::map<std::string, std::vector<std::string>>;

/// Merges a config with all that its defaults lists name into one tree.
class Composer {
 public:
  Composer(const ConfigFolders& folders, Choices choices) : folders_(folders), choices_(std::move(choices)) {}

  /// The merged tree, references not yet followed. A chosen group replaces the files that the defaults lists name for
  /// it, at the place of the last of them; one that they do not name replaces all there is at its key. Throws
  /// SettingsError for a config that is not there, is malformed, or includes itself.
  Node compose(const std::string& name);

 private:
  void collect(const std::string& name);
  void emit(const std::string& name, const std::string& package, bool top);
  void emit_group(const DefaultsEntry& entry, const std::string& group, const std::string& package, bool top);
  const ConfigFile& file(const std::string& name);
  void enter(const std::string& name);

  const ConfigFolders& folders_;
  Choices choices_;  // the command line's, then those of `override` entries
  Choices overridden_;
  std::map<std::string, int> mentions_;  // entries of a group not yet emitted
  std::map<std::string, ConfigFile> read_;
  std::vector<std::string> within_;  // configs being composed, outermost first
  int emitted_ = 0;
  Node tree_ = Node::map();
};

}  // namespace trm
