#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "device/device.h"

namespace trm {

/// pretrain --evaluate: each checkpoint (a file, or a run's folder) on the test data of its configuration, with
/// `overrides` (key=value) over it. Metrics go to standard output and, a line a checkpoint, to evaluations.jsonl beside
/// it, where the evaluators' files go too. Returns 0, or 128 + the number of the signal that ended it. Throws
/// SettingsError, checkpoint::Error, DataError.
int evaluate_checkpoints(const std::vector<std::string>& checkpoints, const std::vector<std::string>& overrides,
                         Device device);

}  // namespace trm
