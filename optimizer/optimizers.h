#pragma once
#include <functional>
#include <string>
#include <vector>

#include "optimizer/update_rule.h"

namespace trm {

/// An optimizer that settings can name: which rules update which parameters.
struct OptimizerEntry {
  std::string name;
  /// The groups for a model's parameters. Their spans do not overlap, and together cover all of the store.
  std::function<std::vector<ParameterGroup>(const OptimizerSettings&, const ParameterStore&)> groups;
  int least_state = 0;  // values kept a parameter, at least: what a refusal for want of memory counts on
};

/// Throws OptimizerError that says which there are and which is the nearest.
const OptimizerEntry& find_optimizer(const std::string& name);
std::vector<std::string> optimizer_names();
/// Adds to the table, or replaces the entry of that name.
void add_optimizer(OptimizerEntry entry);

}  // namespace trm
