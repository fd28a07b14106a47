#pragma once
#include <optional>

#include "model/carry.h"
#include "model/model.h"

namespace trm {

/// What the terms of the loss count beside the tokens', which count 1.
struct LossWeights {
  float q = 0.5f;  // each binary cross entropy of the q head
};

/// How one supervision step is run.
struct StepOptions {
  bool training = false;
  float grad_scale = 1;  // the loss is summed over rows; its gradient is times this (1 / (global batch · accumulation))
  bool heads = true;     // vocabulary head, losses and metrics; without (evaluation only) the step leaves latents and q
  LossWeights weights;
  bool keep_logits = false;  // logits [B, S, V] are wanted: head and loss are then not fused
  uint64_t seed = 0;         // of the halting exploration
  int64_t first_row = 0;     // place of the first row in the global batch
};

/// What one supervision step leaves besides the carry.
struct StepResult {
  Tensor logits;             // if kept
  Tensor preds;              // i32 [B, S]
  Tensor q;                  // f32 [B, 2]
  Tensor target_q_continue;  // f32 [B] where there is a continue loss
  Tensor puzzle_gradient;    // f32 [B, ndim] of this step's rows (carry.data.puzzle_identifiers) when training with
                             // puzzle embeddings
};

/// One supervision step with adaptive computation (ACT; HRM arXiv 2506.21734 §2, TRM arXiv 2510.04871): halted rows
/// take their row of `incoming` and fresh latents, the model runs once, rows halt, the loss and metrics (f32
/// [Metric::count], added to) are computed; in training the gradients are added to the parameters'. The carry is
/// updated in place. Nothing is read back to the host. counters: i64 [Counter::count].
StepResult supervision_step(const Model& model, Carry& carry, const DeviceBatch& incoming, Tensor& counters,
                            const StepOptions& options, Tensor& metrics);

}  // namespace trm
