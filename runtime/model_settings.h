#pragma once
// From the settings of a run to what the model and the optimizer take.
#include <cstdint>

#include "model/config.h"
#include "optimizer/optimizer.h"
#include "settings/settings.h"

namespace trm {

/// The model that settings and data ask for. Throws SettingsError naming the key, its value and what it takes, or what
/// of the data is not known.
ModelConfig model_config(const Settings& settings, const DataMetadata& data);

/// `total_steps`: optimizer steps that the learning rate is planned for (data/metadata.h: planned_steps).
OptimizerSettings optimizer_settings(const Settings& settings, int64_t total_steps);

}  // namespace trm
