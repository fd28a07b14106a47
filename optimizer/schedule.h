#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace trm {

/// The course of the learning rates after the warm-up.
enum class Decay : uint8_t { cosine, linear, constant };

/// "cosine", "linear", "constant". Throws OptimizerError that says which there are and which is the nearest.
Decay parse_decay(const std::string& name);
std::vector<std::string> decay_names();

/// All learning rates of a run as a factor of their peaks (cosine: Loshchilov and Hutter, arXiv 1608.03983, without
/// restarts).
struct Schedule {
  Decay decay = Decay::cosine;
  int64_t warmup_steps = 0, total_steps = 0;
  float min_ratio = 1;  // what is left of the peak after total_steps; not for constant

  /// At a step, counted from 1: step / warmup_steps below warmup_steps; then, with progress from 0 at warmup_steps to 1
  /// at total_steps and ever after, min_ratio + (1 - min_ratio)·½(1 + cos(π·progress)), or ·(1 - progress), or 1.
  double factor(int64_t step) const;
};

}  // namespace trm
