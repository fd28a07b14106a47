#pragma once
#include <cstdint>

namespace trm {

/// softmax, or stablemax: s(x) = x + 1 for x ≥ 0, 1/(1 - x) below; -log(s_y / Σ s).
enum class LossKind : uint8_t { softmax, stablemax };

/// When a row stops (model.md, "Adaptive computation").
struct HaltingRule {
  int halt_max_steps = 1;
  bool training = false;
  bool compare_with_continue = false;  // q_halt > q_continue, else q_halt > 0
  float exploration_prob = 0;
  uint64_t seed = 0;
  int64_t first_row = 0;  // place of the first row in the global batch: draws are by global row
};

/// Slots of the metrics tensor: sums over rows. The first five over rows that halt in this step and have a valid label, the losses over all rows; the counted
/// losses over the rows that have a valid label (what an evaluation reports).
struct Metric {
  enum : int {
    rows, accuracy, exact_accuracy, q_halt_accuracy, steps, lm_loss, q_halt_loss, q_continue_loss, valid_tokens, counted_q_halt_loss, counted_q_continue_loss, count
  };
};

/// Slots of the counters tensor (int64).
struct Counter {
  enum : int { step, adam_t, skipped, random_step, count };
};

/// Slots of the control tensor (float32), made on the device once per optimizer step.
struct Control {
  enum : int { clip, grad_norm, apply, bias1, bias2, count };  // bias1 = 1 - β1ᵗ
};

/// Slots of a group's rates (float32), which the host makes once per optimizer step.
struct Rate {
  enum : int { lr, ema, count };  // ema: the share of the moving average that is kept
};

struct UpdatePlan {
  float grad_clip_norm = 0;  // 0: none
  float beta1 = 0.9f, beta2 = 0.95f;
  bool frozen = false;  // dense parameters are not trained
};

struct AdamSettings {
  float beta1 = 0.9f, beta2 = 0.95f, weight_decay = 0.1f, eps = 1e-8f;
};

/// Steps of X ← aX + (bA + cA²)X, A = X Xᵀ; on the singular values s ← as + bs³ + cs⁵. The defaults are Muon's.
struct NewtonSchulz {
  int steps = 3;
  float a = 3.4445f, b = -4.7750f, c = 2.0315f;
};

}  // namespace trm
