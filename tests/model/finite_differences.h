#pragma once
// A whole supervision step's gradients against finite differences of its own loss.
#include <optional>

#include "model/act.h"
#include "tests/ops/harness.h"

namespace trm::testing {

/// A model so small that finite differences are exact enough in float32. One H cycle: everything is trained through.
ModelConfig gradient_config();

constexpr int64_t gradient_batch = 3;
/// Rows of puzzles 2, 0, 1 with two ignored labels.
DeviceBatch gradient_data(const ModelConfig& config, Device device);
/// Gives a q head and puzzle rows that are not zero, which would hide gradients.
void stir(Model& model);

/// The loss summed over rows, from a fresh carry; with gradients if asked for. `target`: the q_continue target is held
/// at these values, as the gradient holds it.
double loss_of(Model& model, const DeviceBatch& data, bool training, StepResult* result = nullptr,
               const std::vector<float>& target = {});

/// Every parameter's gradient, and that of the puzzle table, along directions that do not depend on it.
void expect_gradients_match(const ModelConfig& config, Device device);

}  // namespace trm::testing
