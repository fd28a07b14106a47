#pragma once
#include <string>

#include "optimizer/schedule.h"

namespace trm {

/// Muon, for the matrices of the blocks; everything else takes AdamW with lr and weight_decay.
struct MuonSettings {
  float lr = 0.02f, momentum = 0.6f, weight_decay = 0.005f;
  int steps = 3;             // of Newton-Schulz
  bool split_heads = false;  // each head of a qkv projection is a matrix of its own
};

/// What an optimizer is asked to do (model.md, "Optimizers").
struct OptimizerSettings {
  std::string name = "adamw";  // in the table of optimizers.h
  Schedule schedule;           // of all learning rates
  float lr = 0, weight_decay = 0.1f;
  float beta1 = 0.9f, beta2 = 0.95f, eps = 1e-8f;   // of Adam; eps: AdamW only
  MuonSettings muon;
  float puzzle_lr = 0, puzzle_weight_decay = 0.1f;  // of the puzzle rows
  float grad_clip_norm = 0;                         // 0: none
  bool frozen = false;                              // dense parameters are not trained
  bool ema = false;
  float ema_rate = 0;     // counts only with `ema`
  int64_t ema_start = 0;  // below this step the average is the weights themselves
};

}  // namespace trm
