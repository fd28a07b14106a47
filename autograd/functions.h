#pragma once
// Functions on Variables: forward and backward side by side, one file each in autograd/functions/. Without a tape they keep nothing.
#include "autograd/parameter.h"
#include "autograd/variable.h"
#include "device/ops.h"

namespace trm::functions {

/// a + b, a + b + c (same shapes)
Variable add(const Variable& a, const Variable& b);
Variable add(const Variable& a, const Variable& b, const Variable& c);

/// rms_norm(h + down(silu(gate) ∘ up)), [gate; up] = gate_up(h); over the last axis of h [B, N, D], or over N (mixing tokens) with token parameters.
Variable swiglu_block(const Variable& h, Parameter& gate_up, Parameter& down, float eps);

struct AttentionSettings {
  int heads = 1;
  bool causal = false;
  const ops::RopeTables* rope = nullptr;  // null: no rotation
};
/// rms_norm(h + o_proj(attention(qkv_proj(h))))
Variable attention_block(const Variable& h, Parameter& qkv, Parameter& o, const AttentionSettings& settings, float eps);

struct EmbeddingInputs {
  Tensor tokens;                     // i32 [B, S]
  Parameter* table = nullptr;        // [V, D]
  const Variable* puzzle_rows = nullptr;  // f32 [B, ndim]; its gradient is overwritten, not summed over several uses
  Parameter* positions = nullptr;    // [N, D]
  int64_t prefix = 0;
  float scale = 1;
};
/// scale · (tokens, with puzzle rows before them [+ positions]) → [B, N, D]
Variable input_embedding(const EmbeddingInputs& inputs);

}  // namespace trm::functions
