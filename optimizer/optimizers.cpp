#include "optimizer/optimizers.h"

#include "optimizer/names.h"

namespace trm {
namespace {

using Make = std::shared_ptr<UpdateRule>(const OptimizerSettings&);

/// One rule for all parameters.
OptimizerEntry one_rule(const char* name, Make* make, int state) {
  const auto groups = [make](const OptimizerSettings& s, const ParameterStore& store) -> std::vector<ParameterGroup> {
    return {{make(s), store.everything(), "lr", s.lr, s.weight_decay}};
  };
  return {name, groups, state};
}

/// Muon for the matrices, AdamW for the rest.
std::vector<ParameterGroup> muon_groups(const OptimizerSettings& s, const ParameterStore& store) {
  std::vector<ParameterGroup> groups{{make_adamw(s), store.others(), "lr", s.lr, s.weight_decay}};
  if (store.matrices().count > 0) groups.push_back({make_muon(s, store), store.matrices(), "muon_lr", s.muon.lr, s.muon.weight_decay});
  return groups;
}

std::vector<OptimizerEntry>& table() {
  static std::vector<OptimizerEntry> entries{
      one_rule("adamw", make_adamw, 2),
      one_rule("adam_atan2", make_adam_atan2, 2),
      {"muon", muon_groups, 1},
  };
  return entries;
}

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const OptimizerEntry& entry : table()) names.push_back(entry.name);
  return names;
}

const OptimizerEntry& find_optimizer(const std::string& name) {
  for (const OptimizerEntry& entry : table())
    if (entry.name == name) return entry;
  throw unknown_name("optimizer", name, optimizer_names());
}

void add_optimizer(OptimizerEntry entry) {
  for (OptimizerEntry& known : table())
    if (known.name == entry.name) {
      known = std::move(entry);
      return;
    }
  table().push_back(std::move(entry));
}

}  // namespace trm
