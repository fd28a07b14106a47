#pragma once
#include "device/device.h"
#include "model/config.h"
#include "optimizer/optimizer.h"

namespace trm {

/// Bytes that a run holds whatever its batch: weights, gradients, moments, moving average, the bfloat16 copy, the
/// puzzle table.
size_t least_training_bytes(const ModelConfig& config, const OptimizerSettings& optimizer);

/// Throws OutOfMemory where a device has less than that, before a weight is made: need, memory, and the keys to lower.
void require_training_memory(const ModelConfig& config, const OptimizerSettings& optimizer, Device device);

}  // namespace trm
