#pragma once
#include <string>
#include <vector>

#include "settings/settings.h"

namespace trm {

/// Throws SettingsError for settings that no run can have: a value out of its key's range, or keys that contradict each
/// other (mlp_t with causal, an odd head size with rope, ...). It names the keys, their values and what would be right.
void validate(const Settings& settings);

/// Whether evaluations search at test time: eval_steps, eval_rollouts, eval_noise, eval_views or eval_select is set.
bool searches(const Settings& settings);

/// What a run can have and its user hardly means.
std::vector<std::string> doubts(const Settings& settings);

/// Throws SettingsError where no dataset is named.
void require_data_paths(const Settings& settings);

}  // namespace trm
