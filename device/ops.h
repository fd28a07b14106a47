#pragma once
// The ops, checked: each function verifies shapes, dtypes and devices (DeviceError names op and tensors), allocates its outputs from the current arena
// and dispatches to the kernel of the tensors' device (device/kernels.h, which also states the formulas).
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "device/cached_block.h"
#include "device/op_types.h"
#include "device/tensor.h"
#include "device/weight.h"

namespace trm::ops {

// ---- memory and arithmetic
Tensor cast(const Tensor& in, DType dtype);
void cast_into(const Tensor& in, Tensor& out);
Tensor add(const Tensor& a, const Tensor& b);
void add_into(const Tensor& a, const Tensor& b, Tensor& out);
Tensor add(const Tensor& a, const Tensor& b, const Tensor& c);

// ---- products. The last axis of x is K; the leading axes are kept.
/// A weight without packed forms (those are made by `repack`). token: it multiplies the sequence axis.
Weight make_weight(const Tensor& value, bool token = false);
/// Refreshes the packed forms after `value` changed; allocates them at first use.
void repack(Weight& weight);
/// The same for all weights of one device at once.
void repack(const std::vector<Weight*>& weights);
/// [..., K] → [..., O]
Tensor linear(const Tensor& x, const Weight& w);
/// The same, each row's bits as they are for that row alone.
Tensor linear_apart(const Tensor& x, const Weight& w);
Tensor linear_backward_input(const Tensor& dy, const Weight& w);
/// dx += dy W
void linear_backward_input_into(const Tensor& dy, const Weight& w, Tensor& dx);
/// dw [O, K] f32 += dyᵀ x
void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw);
/// [B, N, D] → [B, O, D]
Tensor token_linear(const Tensor& x, const Weight& w);
Tensor token_linear_backward_input(const Tensor& dy, const Weight& w);
void token_linear_backward_input_into(const Tensor& dy, const Weight& w, Tensor& dx);
void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw);

// ---- SwiGLU. `token` weights work on axis 1 of [B, N, D], the others on the last axis.
/// silu(x W_gᵀ) ∘ (x W_uᵀ); `gate_up` receives the pre-activations if not null.
Tensor linear_swiglu(const Tensor& x, const Weight& gate_up_proj, Tensor* gate_up);
struct SwigluGradient {
  Tensor d_gate_up, h;
};
SwigluGradient linear_swiglu_backward(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up);

// ---- residual and RMS norm
/// rms_norm(residual + product); over the last axis, or axis 1 with a token weight. `rstd` receives 1/rms if not null.
Tensor linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor* rstd);
/// rms_norm(residual + x) over the last axis, same shapes.
Tensor residual_rms_norm(const Tensor& x, const Tensor& residual, float eps, Tensor* rstd);
/// Gradient of the sum under the norm. token: normalised over axis 1.
Tensor rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, bool token);
/// rms_norm(x + SwiGLU(x)) keeping nothing; one kernel where the device has it, else composed.
Tensor swiglu_block(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps);
/// The same for training, keeping only rstd, where the device recomputes the rest in the backward; undefined where it does not (compose it then).
Tensor swiglu_block_forward(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& rstd);
/// Its backward from ds, the gradient of the sum under the norm, which becomes dx. Weight gradients are added to, null: not wanted.
void swiglu_block_backward(Tensor& ds, const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, Tensor* d_gate_up_proj, Tensor* d_down_proj);

// ---- attention
struct RopeTables {
  Tensor cos, sin;  // f32 [positions, head_dim / 2]
};
/// Angles position · theta^(-2i/head_dim); head_dim must be even.
RopeTables make_rope_tables(int64_t positions, int head_dim, double theta, Device device);
/// Rotates q and k of qkv [B, N, 3·heads·head_dim] in place; `offsets` i32 [B] are added to the rows' positions if not null.
void rope(Tensor& qkv, const RopeTables& tables, int heads, const Tensor* offsets = nullptr, bool inverse = false);
/// rope(linear(x, w)): x [B, N, K] → qkv [B, N, 3·heads·head_dim]; one kernel where the device has it.
Tensor linear_rope(const Tensor& x, const Weight& w, const RopeTables& tables, int heads);
/// [B, N, 3·heads·head_dim] → [B, N, heads·head_dim]; `lse` f32 [B, heads, N] if not null.
Tensor attention(const Tensor& qkv, int heads, bool causal, Tensor* lse);
/// With `rope`: the gradient before the rotation, that is dq and dk rotated back.
Tensor attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads, bool causal,
                          const RopeTables* rope = nullptr);
/// [B, T, 3·heads·head_dim] → [B, T, heads·head_dim]: row b is T new positions of the text in slots[b] of the caches [slots, S, heads·head_dim], from positions[b]
/// on; appends to the caches. The caller sees to positions + T ≤ S and that no slot occurs twice; a slot of -1 is a row without meaning.
Tensor attention_cached(const Tensor& qkv, const Tensor& slots, const Tensor& positions, int heads, Tensor& k_cache, Tensor& v_cache);

/// All blocks of a level on T new positions a row: h = the sum of one to three `inputs` [B, T, D], then attention over the caches, SwiGLU and their norms, block
/// by block; appends to the caches. slots and positions as above. Each row's bits are those it has alone. One kernel where the device has it, else composed of
/// the ops above, row after row.
Tensor cached_level(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const RopeTables* rope, const Tensor& slots, const Tensor& positions,
                    int heads, float eps);

// ---- embedding
Tensor input_embedding(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows, const Tensor* positions, int64_t prefix, float scale);
/// d_table and d_positions are added to; d_puzzle_rows is overwritten.
void input_embedding_backward(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table, Tensor* d_puzzle_rows, Tensor* d_positions);
Tensor gather_rows(const Tensor& table, const Tensor& ids);
/// [B, N, D] → [B, N - count, D], without the first `count` positions (itself if count is 0)
Tensor drop_positions(const Tensor& x, int64_t count);
Tensor drop_positions_backward(const Tensor& dout, int64_t count);

// ---- loss
struct LabelCounts {
  Tensor counts, scale;  // i32 [B], f32 [B]
};
LabelCounts label_counts(const Tensor& labels, float grad_scale);
struct CrossEntropy {
  Tensor loss, preds, normalizer;  // [B, S] f32, i32, f32 (normalizer undefined from linear_cross_entropy)
};
CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, LossKind kind);
/// logits become scale[b] · gradient
void cross_entropy_backward(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale, LossKind kind);
/// dx: allocated and written if not null; dw: added to if not null (both or none).
CrossEntropy linear_cross_entropy(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale, LossKind kind, Tensor* dx, Tensor* dw);

// ---- q head and adaptive computation
Tensor last_positions(const Tensor& tokens, int pad_id, int prefix);
Tensor q_head(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions);
void q_head_backward(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions, Tensor& dz, Tensor& dw, Tensor& dbias);
void reset_rows(const Tensor& halted, const Tensor& init, Tensor& z);
void select_rows(const Tensor& halted, const Tensor& incoming, Tensor& current);
/// Advances steps and, where random numbers are drawn, counters[random_step].
void act_halt(const Tensor& q, const HaltingRule& rule, Tensor& counters, Tensor& steps, Tensor& halted);
Tensor q_continue_target(const Tensor& next_q, const Tensor& steps, int halt_max_steps);
/// Returns dq, the gradient of q_scale · Σ (BCE(q_halt) + BCE(q_continue)); adds to metrics.
Tensor act_loss(const Tensor& q, const Tensor* target, const CrossEntropy& tokens, const Tensor& labels, const Tensor& counts, const Tensor& steps,
                const Tensor& halted, float q_scale, Tensor& metrics);

// ---- optimizer
void sum_of_squares(const Tensor& x, Tensor& out);
/// Advances counters and fills control.
void plan_update(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters, Tensor& control);
struct AdamState {
  Tensor p, m, v;      // f32 [n]
  Tensor ema, narrow;  // f32 [n], bfloat16 [n]; undefined: not kept
};
void adamw(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, AdamState& state);
void adam_atan2(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, AdamState& state);
/// The moving average and the bfloat16 copy of new parameters p f32 [n], for rules that do not write them themselves; undefined: not kept.
void ema_update(const Tensor& p, const Tensor& control, const Tensor& rates, Tensor& ema, Tensor& narrow);
void muon_momentum(const Tensor& g, const Tensor& control, float momentum, Tensor& buffer, Tensor& u);
/// The matrices at these places of u; the caller sees to it that they lie in u and do not overlap.
void newton_schulz(const Tensor& offsets, int64_t rows, int64_t columns, const NewtonSchulz& iteration, float scale, Tensor& u);
void muon_step(const Tensor& u, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& p, Tensor& ema, Tensor& narrow);
void sign_sgd(const Tensor& rows, const Tensor& ids, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& table);

}  // namespace trm::ops
