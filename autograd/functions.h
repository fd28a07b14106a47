#pragma once
// Functions on Variables: forward and backward side by side, one file each in autograd/functions/. Without a tape they
// keep nothing.
#include "autograd/parameter.h"
#include "autograd/variable.h"
#include "device/ops.h"

namespace trm::functions {

/// a + b, a + b + c (same shapes)
Variable add(const Variable& a, const Variable& b);
Variable add(const Variable& a, const Variable& b, const Variable& c);

/// rms_norm(x + residual) over the last axis
Variable residual_rms_norm(const Variable& x, const Variable& residual, float eps);

/// rms_norm(h + down(silu(gate) ∘ up)), [gate; up] = gate_up(h); over the last axis of h [B, N, D], or over N (mixing
/// tokens) with token parameters.
Variable swiglu_block(const Variable& h, Parameter& gate_up, Parameter& down, float eps);

struct AttentionSettings {
  int heads = 1;
  bool causal = false;
  const ops::RopeTables* rope = nullptr;  // null: no rotation
};
/// rms_norm(h + o_proj(attention(qkv_proj(h))))
Variable attention_block(const Variable& h, Parameter& qkv, Parameter& o, const AttentionSettings& settings, float eps);

struct EmbeddingInputs {
  Tensor tokens;                          // i32 [B, S]
  Parameter* table = nullptr;             // [V, D]
  const Variable* puzzle_rows = nullptr;  // f32 [B, ndim]; its gradient is overwritten, not summed over several uses
  Parameter* positions = nullptr;         // [N, D]
  int64_t prefix = 0;
  float scale = 1;
};
/// scale · (tokens, with puzzle rows before them [+ positions]) → [B, N, D]
Variable input_embedding(const EmbeddingInputs& inputs);

/// x [..., K] → [..., O]
Variable linear(const Variable& x, Parameter& weight);
/// [B, N, D] → [B, N - count, D], without the first `count` positions
Variable drop_positions(const Variable& x, int64_t count);
/// z [B, N, D] → f32 [B, 2] from one position of each row, i32 [B] (undefined: 0)
Variable q_head(const Variable& z, Parameter& weight, Parameter& bias, const Tensor& positions);

// ---- terms of the loss. What is returned are values to look at; the gradients of the inputs come from the tape, on
// which each term counts as it is scaled.
/// Σ scale[b] · cross entropy of the logits [B, S, V] with labels i32 [B, S]; scale f32 [B]
ops::CrossEntropy cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& scale, LossKind kind);
/// The same of x [B, S, D] times head [V, D], whose logits never exist. The head's gradient is added to at once.
ops::CrossEntropy linear_cross_entropy(const Variable& x, Parameter& head, const Tensor& labels, const Tensor& scale,
                                       LossKind kind);

/// What the losses of the q head are made from (device/kernels.h: act_loss).
struct ActLossInputs {
  ops::CrossEntropy tokens;
  Tensor labels, counts, steps, halted;
  Tensor target_q_continue;  // undefined: no continue loss
};
/// scale · Σ_b BCE(q_halt, all right) + BCE(q_continue, target), q f32 [B, 2]; adds the step's sums to `metrics`.
void act_loss(const Variable& q, const ActLossInputs& inputs, float scale, Tensor& metrics);

}  // namespace trm::functions
