#pragma once
#include <string>

#include "optimizer/schedule.h"

namespace trm {

/// What an optimizer is asked to do (model.md, "Optimizers").
struct OptimizerSettings {
  std::string name = "adamw";  // in the table of optimizers.h
  Schedule schedule;           // of all learning rates
  float lr = 0, weight_decay = 0.1f;
  float beta1 = 0.9f, beta2 = 0.95f, eps = 1e-8f;   // of Adam; eps: AdamW only
  float puzzle_lr = 0, puzzle_weight_decay = 0.1f;  // of the puzzle rows
  float grad_clip_norm = 0;                         // 0: none
  bool frozen = false;                              // dense parameters are not trained
  bool ema = false;
  float ema_rate = 0;  // counts only with `ema`
};

}  // namespace trm
