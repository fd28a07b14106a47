#include "settings/apply.h"

#include <algorithm>
#include <cctype>

#include "arch/facts.h"
#include "settings/error.h"
#include "settings/interpolate.h"
#include "settings/keys.h"
#include "settings/nearest.h"
#include "settings/scalars.h"
#include "settings/validate.h"

namespace trm {
namespace {

std::optional<std::int64_t>* metadata(DataMetadata& data, const std::string& key) {
  if (key == "seq_len") return &data.seq_len;
  if (key == "vocab_size") return &data.vocab_size;
  if (key == "num_puzzle_identifiers") return &data.num_puzzle_identifiers;
  if (key == "pad_id") return &data.pad_id;
  return nullptr;
}

constexpr const char* puzzle_kind = "puzzle_kind";

struct Applier {
  const Node& tree;
  Settings& settings;
  DataMetadata& data;
  std::vector<std::string>& warnings;

  void warn(std::string text) {
    if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(std::move(text));
  }

  void apply(const std::string& path, const Node& node) {
    if (const Key* key = find_key(path)) {
      const Node value = resolve(tree, path, node);
      if (!key->read(settings, value)) throw SettingsError(wrong_value(*key, value));
    } else if (is_section(path)) {
      section(path, node);
    } else if (auto* field = metadata(data, path)) {
      if (node.is_null()) return;
      *field = node.is_scalar() ? to_integer(node.text) : std::nullopt;
      if (!*field)
        throw SettingsError(path + ": got '" + to_text(node) + "' (" + node.origin + "), takes an integer, or null");
    } else if (path == puzzle_kind) {
      if (node.is_scalar()) data.puzzle_kind = node.text;
    } else {
      unknown(path, node);
    }
  }

  void section(const std::string& path, const Node& node) {
    if (node.is_null()) return;
    if (!node.is_map())
      throw SettingsError(path + ": got '" + to_text(node) + "' (" + node.origin + "), takes a map of keys such as " +
                          path + "." + nearest_key(path + ".name").path.substr(path.size() + 1) +
                          "; a file of config/" + path + " is chosen in the defaults list (- " + path +
                          ": NAME) or on the command line");
    for (const auto& [name, value] : node.entries) apply(path + "." + name, value);
  }

  void unknown(const std::string& path, const Node& node) {
    if (path == "hydra" || path == "defaults") return;
    std::string text = node.origin + ": unknown key '" + path + "' is ignored";
    const Key& near = nearest_key(path);
    if (looks_like(path, near.path)) text += "; the nearest known key is '" + near.path + "'";
    warn(std::move(text));
  }

  /// What the models have no choice about.
  void settle() {
    ArchSettings& a = settings.arch;
    const Node* mixer = tree.find("arch.mixer");
    if (!mixer || mixer->is_null()) a.mixer = a.mlp_t ? "mlp" : "attention";
    if (a.mixer == "mlp") a.mlp_t = true;
    const arch::VariantFacts& variant = arch::variant(a.name);
    const bool said_continue = tree.find("arch.no_ACT_continue"), said_len = tree.find("arch.puzzle_emb_len");
    if (variant.continue_loss == arch::ContinueLoss::always && a.no_ACT_continue) {
      if (said_continue)
        warn("arch.no_ACT_continue: true has no effect on " + a.name + ", which always has the continue loss");
      a.no_ACT_continue = false;
    }
    if (!variant.own_puzzle_length && a.puzzle_emb_len != 0) {
      if (said_len)
        warn("arch.puzzle_emb_len: " + std::to_string(a.puzzle_emb_len) + " has no effect on " + a.name +
             ", whose puzzle row takes as many positions as its features fill");
      a.puzzle_emb_len = 0;
    }
  }
};

bool names(const std::string& message, const std::string& key) {
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; };
  for (auto at = message.find(key); at != std::string::npos; at = message.find(key, at + 1)) {
    const auto end = at + key.size();
    if ((at == 0 || !part(message[at - 1])) && (end == message.size() || !part(message[end]))) return true;
  }
  return false;
}

}  // namespace

void apply_tree(const Node& tree, Settings& settings, DataMetadata& data, std::vector<std::string>& warnings) {
  Applier applier{tree, settings, data, warnings};
  for (const auto& [name, value] : tree.entries) applier.apply(name, value);
  applier.settle();
}

void validate_tree(const Node& tree, const Settings& settings) {
  try {
    validate(settings);
  } catch (const SettingsError& error) {
    std::string origins;
    for (const Key& key : keys())
      if (const Node* node = tree.find(key.path); node && names(error.what(), key.path))
        origins += (origins.empty() ? " (" : ", ") + key.path + " is from " + node->origin;
    throw SettingsError(error.what() + origins + (origins.empty() ? "" : ")"));
  }
}

void unknown_override(const std::string& path, const std::string& got) {
  DataMetadata none;
  if (path == puzzle_kind || metadata(none, path))
    throw SettingsError("'" + path + "' (got '" + got + "' on the command line) is not set: it comes from the dataset");
  const Key& near = nearest_key(path);
  throw SettingsError("unknown key '" + path + "' on the command line (got '" + got + "'); the nearest known key is '" +
                      near.path + "', which takes " + near.takes);
}

}  // namespace trm
