#include "settings/compose.h"

#include "settings/apply.h"
#include "settings/composer.h"
#include "settings/error.h"
#include "settings/keys.h"
#include "settings/override.h"
#include "settings/validate.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::string without_suffix(const std::string& name) {
  return name.size() > 5 && name.ends_with(".yaml") ? name.substr(0, name.size() - 5) : name;
}

/// `hydra.run.dir=…` and the like steer a program that is not here.
bool is_hydra(const std::string& key) {
  return key == "hydra" || key.rfind("hydra.", 0) == 0 || key.rfind("hydra/", 0) == 0;
}

/// Whether an override chooses files of a group rather than setting keys: arch=trm_small, arch=[trm,tweaks].
bool is_choice(const Override& item, const ConfigFolders& folders) {
  if (item.reset || find_key(item.key) || item.value->is_map() || item.value->is_null()) return false;
  return item.key == "arch" || (!is_section(item.key) && folders.has_group(item.key));
}

std::vector<std::string> options(const Override& item) {
  std::vector<std::string> out;
  const Node& value = *item.value;
  if (value.is_scalar() && !value.text.empty()) out.push_back(without_suffix(value.text));
  for (const Node& option : value.items)
    if (option.is_scalar()) out.push_back(without_suffix(option.text));
  if (out.empty() || (value.is_list() && out.size() != value.items.size()))
    throw SettingsError(item.key + ": got '" + to_text(value) + "' (command line), takes the name of a config in " +
                        item.key + "/, such as " + item.key + "=trm");
  return out;
}

/// Sets a known key, or each key of a map.
void set(Node& tree, const std::string& key, const Node& value) {
  if (find_key(key)) {
    tree.erase(key);
    tree.set(key, value);
  } else if (is_section(key) && value.is_map()) {
    for (const auto& [name, child] : value.entries) set(tree, key + "." + name, child);
  } else if (is_section(key)) {
    throw SettingsError(key + ": got '" + to_text(value) + "' (command line), takes a map of its keys, such as " + key +
                        "={" + nearest_key(key + ".loss_type").path.substr(key.size() + 1) + ": VALUE}");
  } else {
    unknown_override(key, to_text(value));
  }
}

void reset(Node& tree, const Override& item) {
  if (!find_key(item.key) && !is_section(item.key))
    unknown_override("~" + item.key, item.value ? to_text(*item.value) : "~");
  if (item.value) {
    const Node* there = tree.find(item.key);
    const std::string has = there ? to_text(*there) : "";
    if (has != to_text(*item.value))
      throw SettingsError("~" + item.key + ": got '" + to_text(*item.value) + "' (command line), takes its value '" +
                          has + "', or write ~" + item.key);
  }
  tree.erase(item.key);
}

/// The folders to look in, first first. A config given by its path has its own folder before all others, and `name`
/// becomes that of the file.
ConfigFolders folders_of(const LoadRequest& request, std::string& name) {
  std::error_code error;
  std::vector<fs::path> folders;
  if (name.find('/') != std::string::npos && fs::is_regular_file(name + ".yaml", error)) {
    folders.push_back(fs::path(name).parent_path());
    name = fs::path(name + ".yaml").stem().string();
  }
  if (request.config_path) {
    if (!fs::is_directory(*request.config_path, error))
      throw SettingsError("--config-path: got '" + request.config_path->string() +
                          "', takes a folder of configs, and there is none there");
    folders.push_back(*request.config_path);
  }
  folders.push_back(request.local_folder);
  folders.push_back(request.installed_folder);
  return ConfigFolders(folders);
}

}  // namespace

LoadedSettings load_settings(const LoadRequest& request) {
  std::string name = without_suffix(request.config_name);
  if (name.empty()) throw SettingsError("--config-name: got '', takes the name of a config, such as cfg_pretrain");
  const ConfigFolders folders = folders_of(request, name);
  LoadedSettings loaded;
  Choices choices;
  std::vector<Override> values;
  for (const std::string& text : request.overrides) {
    Override item = parse_override(text);
    if (is_hydra(item.key))
      loaded.warnings.push_back("'" + text + "' is ignored: hydra's own settings have no effect here");
    else if (is_choice(item, folders))
      choices[item.key] = options(item);
    else
      values.push_back(std::move(item));
  }
  Node tree = Composer(folders, std::move(choices)).compose(name);
  for (const Override& item : values) item.reset ? reset(tree, item) : set(tree, item.key, *item.value);
  DataMetadata data;
  apply_tree(tree, loaded.settings, data, loaded.warnings);
  validate_tree(tree, loaded.settings);
  for (std::string& doubt : doubts(loaded.settings)) loaded.warnings.push_back(std::move(doubt));
  return loaded;
}

LoadedSettings with_overrides(const Settings& settings, const std::vector<std::string>& overrides) {
  Node tree = Node::map();
  for (const Key& key : keys())
    if (key.write) tree.set(key.path, key.write(settings));
  for (const std::string& text : overrides) {
    const Override item = parse_override(text);
    item.reset ? reset(tree, item) : set(tree, item.key, *item.value);
  }
  LoadedSettings loaded;
  DataMetadata data;
  apply_tree(tree, loaded.settings, data, loaded.warnings);
  validate_tree(tree, loaded.settings);
  return loaded;
}

}  // namespace trm
