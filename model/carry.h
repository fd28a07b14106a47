#pragma once
#include <map>
#include <string>
#include <vector>

#include "model/model.h"

namespace trm {

/// One batch on the device. inputs, labels i32 [B, S]; puzzle_identifiers i32 [B].
struct DeviceBatch {
  Tensor inputs, labels, puzzle_identifiers;
};

/// What lives from one supervision step to the next, per batch row: latents [B, N, D], steps, halted, and the row's current data. At stable addresses.
struct Carry {
  std::vector<Tensor> latents;
  Tensor steps;   // i32 [B]
  Tensor halted;  // boolean [B]
  DeviceBatch data;

  /// Every row halted: the first step takes the whole batch.
  static Carry initial(const Model& model, int64_t batch);

  /// By the names of the golden files: z_H, z_L, steps, halted, data_inputs, data_labels, data_puzzle_identifiers.
  std::map<std::string, Tensor> state(const Model& model) const;
};

}  // namespace trm
