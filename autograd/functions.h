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

/// Keys and values of earlier positions, one pair per depth of the recursion; used in order as a pass reaches its attention layers.
struct KeyValueCache {
  std::vector<std::pair<Tensor, Tensor>> layers;  // each [S, heads·head_dim]
  size_t next = 0;
};

/// Where attention takes place.
struct AttentionContext {
  int heads = 1;
  bool causal = false;
  const ops::RopeTables* rope = nullptr;  // null: no rotation
  // Incremental decoding (cached_level): the new positions begin at *position
  KeyValueCache* cache = nullptr;
  const Tensor* position = nullptr;  // i32 [1]
};
/// rms_norm(h + o_proj(attention(qkv_proj(h))))
Variable attention_block(const Variable& h, Parameter& qkv, Parameter& o, const AttentionContext& context, float eps);

/// Parameters of one block, for decoding.
struct BlockParameters {
  const Parameter *qkv_proj, *o_proj, *gate_up_proj, *down_proj;
};
/// Incremental decoding, without gradient: the blocks on the sum of one to three inputs [1, T, D] at *context.position; takes the next pairs of context.cache.
Variable cached_level(const std::vector<Variable>& inputs, const std::vector<BlockParameters>& blocks, const AttentionContext& context, float eps);

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
