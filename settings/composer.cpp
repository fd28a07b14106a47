#include "settings/composer.h"

#include <algorithm>

#include "settings/error.h"

namespace trm {
namespace {

/// A name within a group; "/name" is from the top.
std::string within(const std::string& group, const std::string& name) {
  if (name[0] == '/') return name.substr(1);
  return group.empty() ? name : group + "/" + name;
}

std::string group_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

std::string join(const std::string& package, std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  if (package.empty() || name.empty()) return package + name;
  return package + "." + name;
}

/// Where an entry's content goes: what its "@package" says, else `usual`.
std::string package_of(const DefaultsEntry& entry, const std::string& parent, const std::string& usual) {
  if (entry.package.empty()) return usual;
  if (entry.package == "_here_") return parent;
  if (entry.package.rfind("_global_", 0) == 0) return entry.package.size() > 9 ? entry.package.substr(9) : "";
  return join(parent, entry.package);
}

}  // namespace

const ConfigFile& Composer::file(const std::string& name) {
  const auto found = read_.find(name);
  return found != read_.end() ? found->second : read_.emplace(name, folders_.read(name)).first->second;
}

void Composer::enter(const std::string& name) {
  if (std::find(within_.begin(), within_.end(), name) != within_.end()) {
    std::string chain;
    for (const std::string& outer : within_) chain += outer + " -> ";
    throw SettingsError("the defaults of these configs include each other: " + chain + name);
  }
  if (++emitted_ > 1000) throw SettingsError("config '" + within_.front() + "' is made of more than 1000 files");
  within_.push_back(name);
}

/// Counts the entries of each group, and notes what is overridden, before anything is merged.
void Composer::collect(const std::string& name) {
  enter(name);
  for (const DefaultsEntry& entry : parse_defaults(file(name).defaults, name)) {
    const std::string full = entry.kind == DefaultsEntry::Kind::self ? "" : within(group_of(name), entry.name);
    if (entry.kind == DefaultsEntry::Kind::config) collect(full);
    if (entry.kind != DefaultsEntry::Kind::group) continue;
    if (!entry.overrides) {
      ++mentions_[full];
    } else {
      if (!mentions_.count(full))
        throw SettingsError(entry.origin + ": 'override " + entry.name +
                            "' has nothing to override: no entry before it names " + full);
      overridden_[full] = entry.options;
    }
  }
  within_.pop_back();
}

void Composer::emit_group(const DefaultsEntry& entry, const std::string& group, const std::string& package, bool top) {
  std::vector<std::string> options = entry.options;
  bool optional = entry.optional;
  if (const auto chosen = choices_.find(group); top && chosen != choices_.end()) {
    if (--mentions_[group] > 0) return;
    options = chosen->second;
    optional = false;
  }
  for (const std::string& option : options) {
    const std::string name = group + "/" + option;
    if (optional && !folders_.find(name)) continue;
    emit(name, package, false);
  }
}

void Composer::emit(const std::string& name, const std::string& package, bool top) {
  enter(name);
  const ConfigFile& config = file(name);
  std::string own = package;
  if (config.package == "_global_")
    own.clear();
  else if (config.package != "_group_")
    own = config.package;
  for (const DefaultsEntry& entry : parse_defaults(config.defaults, name)) {
    if (entry.overrides) continue;
    const std::string full = within(group_of(name), entry.name);
    switch (entry.kind) {
      case DefaultsEntry::Kind::self:
        tree_.set(own, config.body);
        break;
      case DefaultsEntry::Kind::config:
        emit(full, package_of(entry, own, own), top);
        break;
      case DefaultsEntry::Kind::group:
        emit_group(entry, full, package_of(entry, own, join(own, entry.name[0] == '/' ? full : entry.name)), top);
    }
  }
  within_.pop_back();
}

Node Composer::compose(const std::string& name) {
  collect(name);
  choices_.merge(overridden_);  // the command line's stand
  emit(name, "", true);
  for (const auto& [group, options] : choices_) {
    if (mentions_.count(group)) continue;
    const std::string package = join("", group);
    tree_.erase(package);
    for (const std::string& option : options) emit(group + "/" + option, package, false);
  }
  return std::move(tree_);
}

}  // namespace trm
