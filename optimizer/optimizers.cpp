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

std::vector<OptimizerEntry>& table() {
  static std::vector<OptimizerEntry> entries{
      one_rule("adamw", make_adamw, 2),
      one_rule("adam_atan2", make_adam_atan2, 2),
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
