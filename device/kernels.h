#pragma once
// The list of kernels: every op that a backend may implement, once. Each line is the name, the function's type, and
// what differs from the default: Dtypes that it serves, or what happens without a kernel (WithoutKernel; "optional"
// below). A backend has one file per op in device/<backend>/, which registers its kernels:
//   const Registration registration([] { kernels::linear.set(DeviceKind::cpu, linear); });
// A cpu kernel that is missing is an error when a program starts (OpBase::require_kernels); the tests hold the other
// backends to the same. Callers use the checked functions of device/ops.h.
//
// All tensors are contiguous and on one device; outputs are allocated, their shapes are right. "activation" is float32
// or bfloat16, the same for all activations of a call; everything marked f32 is float32. Accumulation is float32
// everywhere. M = any number of rows, B batch, N positions, D model width, I inner width, V vocabulary, S tokens of a
// row. A kernel gives the same bits at every call with the same inputs (no unordered atomics). Outputs may not alias
// inputs unless said.
#include <vector>

#include "device/cached_block.h"
#include "device/op.h"
#include "device/op_types.h"

// device/kernels.cpp expands the list to definitions, every other file to declarations.
#ifndef TRM_KERNEL
#define TRM_KERNEL(name, type, ...) extern Op<type> name
#endif

namespace trm::kernels {

// ---- memory and arithmetic
TRM_KERNEL(cast, void(const Tensor& in, Tensor& out));                 // between float32 and bfloat16, or a copy
TRM_KERNEL(add, void(const Tensor& a, const Tensor& b, Tensor& out));  // activations; out may be a or b
TRM_KERNEL(add3, void(const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out));  // a + b + c; out may alias

// ---- products. w [O, K].
TRM_KERNEL(pack_weight, void(const Tensor& first, const std::vector<Weight*>& weights),
           WithoutKernel::unneeded);  // first: a weight's value; see Backend::packed_bytes
// y [M, O] = x [M, K] Wᵀ
TRM_KERNEL(linear, void(const Tensor& x, const Weight& w, Tensor& y));
// The same, with each row's bits as they are for that row alone (decoding several texts at once). Optional: composed of
// one-row products.
TRM_KERNEL(linear_apart, void(const Tensor& x, const Weight& w, Tensor& y), WithoutKernel::composed);
// dx [M, K] = dy [M, O] W, added to what dx holds if accumulate
TRM_KERNEL(linear_backward_input, void(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate));
// dw [O, K] f32 += dyᵀ x
TRM_KERNEL(linear_backward_weight, void(const Tensor& dy, const Tensor& x, Tensor& dw));
// Token products: y [B, O, D], y[b] = W x[b], x [B, N, D], w [O, N]
TRM_KERNEL(token_linear, void(const Tensor& x, const Weight& w, Tensor& y));
TRM_KERNEL(token_linear_backward_input, void(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate));
TRM_KERNEL(token_linear_backward_weight, void(const Tensor& dy, const Tensor& x, Tensor& dw));

// ---- SwiGLU. gate_up = x W_gate_upᵀ, gate first; h = silu(gate) ∘ up.
// h [M, I]; gate_up [M, 2I] is written where asked for (needed by the backward), else it never leaves the chip if that
// can be helped.
TRM_KERNEL(linear_swiglu, void(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up));
// dh = dy W_down; d_gate_up [M, 2I] = gradient through silu(g) ∘ u; h [M, I] = silu(g) ∘ u again (for the weight
// gradient of down); d silu(g)/dg = σ(g)(1 + g(1 - σ(g)))
TRM_KERNEL(linear_swiglu_backward,
           void(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h));
// The same over the sequence axis: x [B, N, D], gate_up [B, 2I, D], h [B, I, D]
TRM_KERNEL(token_linear_swiglu, void(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up));
TRM_KERNEL(token_linear_swiglu_backward,
           void(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h));

// ---- residual + RMS norm: y = s · rsqrt(mean(s²) + eps), s = residual + x Wᵀ kept in float32 where possible
// y [M, O], rstd [M] f32; rstd may be null. y may alias residual.
TRM_KERNEL(linear_residual_rms_norm,
           void(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y, Tensor* rstd));
// y [B, N, D] normalised over N; rstd [B, D] f32
TRM_KERNEL(token_linear_residual_rms_norm,
           void(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y, Tensor* rstd));
// The same without a product: s = residual + x, all [M, D]; y may alias either. Its backward is rms_norm_backward: ds
// is the gradient of both.
TRM_KERNEL(residual_rms_norm, void(const Tensor& x, const Tensor& residual, float eps, Tensor& y, Tensor* rstd));
// ds = rstd (dy - y mean(dy ∘ y)) over the last axis, y [M, D], rstd [M]; ds may alias dy
TRM_KERNEL(rms_norm_backward, void(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds));
// The same over axis 1 of [B, N, D], rstd [B, D]
TRM_KERNEL(token_rms_norm_backward, void(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds));
// The whole token mixer without keeping anything: y = rms_norm over N of (x + W_down (silu(g) ∘ u)), [g; u][b] =
// W_gate_up x[b]. Optional: where a device has no kernel of its own, ops::swiglu_block composes it from the two above.
TRM_KERNEL(token_mixer,
           void(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y),
           WithoutKernel::composed);
// The same for training, keeping only rstd [B, D]; the backward recomputes gate, up and hidden from x. Optional, both
// or neither.
TRM_KERNEL(token_mixer_forward,
           void(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y,
                Tensor& rstd),
           WithoutKernel::composed);
// dx = ds + d(W_down (silu(g) ∘ u))/dx of ds, the gradient of the sum under the norm; dx may alias ds. Weight gradients
// f32 added to, null: not wanted.
TRM_KERNEL(token_mixer_backward,
           void(const Tensor& ds, const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, Tensor& dx,
                Tensor* d_gate_up_proj, Tensor* d_down_proj),
           WithoutKernel::composed);
// The same over the last axis: y [M, D] = rms_norm(x + W_down (silu(g) ∘ u)). Optional likewise.
TRM_KERNEL(channel_mixer,
           void(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y),
           WithoutKernel::composed);

// ---- attention. qkv [B, N, 3·heads·head_dim] as [heads q | heads k | heads v]
// Rotates q and k in place by position (+ offsets[b] where given, i32 [B]): x·cos + rotate_half(x)·sin in float32; cos,
// sin [positions, head_dim/2] f32; inverse rotates back (the backward).
TRM_KERNEL(rope,
           void(Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor* offsets, int heads, bool inverse));
// qkv [B, N, 3·heads·head_dim] = rope(x Wᵀ) without offset, x [B, N, K]. Optional: ops::linear_rope composes it where a
// device has no kernel.
TRM_KERNEL(linear_rope,
           void(const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, int heads, Tensor& qkv),
           WithoutKernel::composed);
// out [B, N, heads·head_dim] = softmax(q kᵀ/√head_dim [causal]) v; lse [B, heads, N] f32 = log Σ exp of the scores,
// null where not kept
TRM_KERNEL(attention, void(const Tensor& qkv, int heads, bool causal, Tensor& out, Tensor* lse));
TRM_KERNEL(attention_backward, void(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse,
                                    int heads, bool causal, Tensor& dqkv));
// The same followed by the inverse rope of dqkv. Optional: composed where a device has no kernel.
TRM_KERNEL(attention_rope_backward,
           void(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, const Tensor& cos,
                const Tensor& sin, int heads, bool causal, Tensor& dqkv),
           WithoutKernel::composed);
// Incremental causal attention of T new positions a row: row b appends k, v of qkv [B, T, 3·heads·head_dim] to slot
// slots[b] of the caches [slots, S, heads·head_dim] from positions[b] on (both i32 [B]; no slot twice) and attends each
// new q to all earlier and its own: out [B, T, heads·head_dim]. A slot that is not there, as -1: the row is inactive,
// nothing is appended and its out is 0. A row's bits are those that it has alone.
TRM_KERNEL(attention_cached, void(const Tensor& qkv, const Tensor& slots, const Tensor& positions, int heads,
                                  Tensor& k_cache, Tensor& v_cache, Tensor& out));

// All blocks of a level at one new position a row: h = the sum of `inputs` [B, 1, D] (rounded once), then for each block
// h = rms_norm(h + W_o attention_cached(rope(W_qkv h))), h = rms_norm(h + W_down (silu(g) ∘ u)), [g; u] = W_gate_up h;
// y [B, 1, D]. cos, sin null: no rotation. slots, positions and bits as in attention_cached; y of an inactive row has no
// meaning. Optional: where a device has no kernel of its own, ops::cached_level composes it.
TRM_KERNEL(cached_level,
           void(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const Tensor* cos,
                const Tensor* sin, const Tensor& slots, const Tensor& positions, int heads, float eps, Tensor& y),
           WithoutKernel::composed);

// ---- embedding
// out [B, N, D] = scale · (token or puzzle position [+ positions [N, D]]), N = P + S; tokens i32 [B, S]; table [V, D]
// activation dtype; puzzle_rows f32 [B, ndim], ndim ≤ P·D, the first P·D values of a row right-padded with zeros; P = N
// - S, null where P = 0; positions activation dtype or null.
TRM_KERNEL(input_embedding, void(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows,
                                 const Tensor* positions, float scale, Tensor& out));
// d_table f32 [V, D] += ; d_puzzle_rows f32 [B, ndim] = ; d_positions f32 [N, D] += ; all times scale
TRM_KERNEL(input_embedding_backward, void(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                                          Tensor* d_puzzle_rows, Tensor* d_positions));
// out [B, W] f32 = table [P, W] f32 at ids i32 [B]
TRM_KERNEL(gather_rows, void(const Tensor& table, const Tensor& ids, Tensor& out), Dtypes::float32);
// out [B, S, D] = x [B, N, D] without its first N - S positions; the backward writes zeros there
TRM_KERNEL(drop_positions, void(const Tensor& x, Tensor& out));
TRM_KERNEL(drop_positions_backward, void(const Tensor& dout, Tensor& dx));

// ---- loss
// counts i32 [B] = valid labels (≠ -100) of labels i32 [B, S]; scale f32 [B] = grad_scale / max(count, 1)
TRM_KERNEL(label_counts, void(const Tensor& labels, float grad_scale, Tensor& counts, Tensor& scale), Dtypes::float32);
// logits [B, S, V] → loss f32 [B, S] (0 where ignored), preds i32 [B, S] (first largest), normalizer f32 [B, S]
// (log-sum-exp; stablemax: Σ s)
TRM_KERNEL(cross_entropy, void(const Tensor& logits, const Tensor& labels, LossKind kind, Tensor& loss, Tensor& preds,
                               Tensor& normalizer));
// Overwrites logits with scale[b] · d loss / d logits (0 where ignored)
TRM_KERNEL(cross_entropy_backward,
           void(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale, LossKind kind));
// Head and loss in one, in chunks of rows, so that the logits of the whole batch never exist: x [B, S, D], w [V, D].
// With dx, dw: also the gradient of Σ scale[b] · loss: dx [B, S, D] written, dw f32 [V, D] added to. Both null: loss
// and preds only.
TRM_KERNEL(linear_cross_entropy, void(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale,
                                      LossKind kind, Tensor& loss, Tensor& preds, Tensor* dx, Tensor* dw));

// ---- q head and adaptive computation (ACT)
// positions i32 [B]: P + the last column of tokens i32 [B, S] that is not pad_id (P where all are)
TRM_KERNEL(last_positions, void(const Tensor& tokens, int pad_id, int prefix, Tensor& positions), Dtypes::float32);
// q f32 [B, 2] = z[b, positions[b]] · wᵀ + bias; z [B, N, D], w f32 [2, D], bias f32 [2]; positions null: 0
TRM_KERNEL(q_head, void(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions, Tensor& q));
// dz[b, positions[b]] += dq w (dz activation); dw +=, dbias +=
TRM_KERNEL(q_head_backward, void(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions,
                                 Tensor& dz, Tensor& dw, Tensor& dbias));
// z [B, N, D]: rows with halted (boolean [B]) become init [D]
TRM_KERNEL(reset_rows, void(const Tensor& halted, const Tensor& init, Tensor& z));
// current [B, ...] takes incoming's row where halted; any dtype
TRM_KERNEL(select_rows, void(const Tensor& halted, const Tensor& incoming, Tensor& current));
// steps i32 [B] (0 first where halted was true, then + 1) and the new halted boolean [B], from q. halted = steps ≥
// halt_max_steps; in training with halt_max_steps > 1 also q_halt > 0 (compare_with_continue: q_halt > q_continue), and
// then only where steps ≥ min_halt. Exploration of row b, the same on every device: bits = random_numbers(seed,
// RandomPurpose::halting, counters[random_step], first_row + b); min_halt = uniform(bits[0]) < exploration_prob ?
// bits[1] % (halt_max_steps - 1) + 2 : 0. Such a call then adds 1 to counters[random_step], so that every micro-batch draws its
// own; other calls leave counters as they are.
TRM_KERNEL(act_halt, void(const Tensor& q, HaltingRule rule, Tensor& counters, Tensor& steps, Tensor& halted),
           Dtypes::float32);
// target f32 [B] = σ(last ? next_halt : max(next_halt, next_continue)), last = steps ≥ halt_max_steps; next_q f32 [B,
// 2]
TRM_KERNEL(q_continue_target, void(const Tensor& next_q, const Tensor& steps, int halt_max_steps, Tensor& target),
           Dtypes::float32);
// Losses of the q head and the step's metrics. correct[b] = all valid labels right (true where there are none). dq f32
// [B, 2] = q_scale · d(BCE(q_halt, correct) + BCE(q_continue, target))/dq, the second only with target (dq[:,
// 1] = 0 without). metrics f32 [Metric::count] += sums (see op_types.h); loss f32 [B, S] is that of single tokens, not
// scaled: lm_loss = Σ_b Σ_s loss / max(counts[b], 1). steps and halted are those after act_halt.
TRM_KERNEL(act_loss,
           void(const Tensor& q, const Tensor* target, const Tensor& loss, const Tensor& preds, const Tensor& labels,
                const Tensor& counts, const Tensor& steps, const Tensor& halted, float q_scale, Tensor& dq,
                Tensor& metrics),
           Dtypes::float32);

// ---- optimizer. Flat float32 buffers over all dense parameters.
// out f32 [1] = Σ x²; deterministic
TRM_KERNEL(sum_of_squares, void(const Tensor& x, Tensor& out), Dtypes::float32);
// Advances counters i64 [Counter::count] and fills control f32 [Control::count] for this step, from the gradients'
// squared norms (puzzle_square null where there is no table). A gradient that is not finite: step and skipped advance,
// `apply` becomes 0, Adam's t stays (as it does where frozen). clip = min(1, grad_clip_norm / (norm + 1e-6)); the bias
// corrections are of Adam's t, which counts the steps that were applied.
TRM_KERNEL(plan_update,
           void(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters,
                Tensor& control),
           Dtypes::float32);
// The rules below do nothing where control[apply] is 0. rates f32 [Rate::count]: of their group in this step.
// torch.optim.AdamW; Adam-atan2 (Everett et al., arXiv 2407.05872). g is scaled by control[clip]. ema (null: none)
// follows with rates[ema]; narrow (null: none) bfloat16 copy of the new parameters.
TRM_KERNEL(adamw,
           void(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& adam, Tensor& p,
                Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow),
           Dtypes::float32);
TRM_KERNEL(adam_atan2,
           void(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& adam, Tensor& p,
                Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow),
           Dtypes::float32);
// ema ← rates[ema]·ema + (1 - rates[ema])·p; narrow: bfloat16 copy of p; null: not wanted. f32 [n]
TRM_KERNEL(ema_update,
           void(const Tensor& p, const Tensor& control, const Tensor& rates, Tensor* ema, Tensor* narrow),
           Dtypes::float32);
// Muon (K. Jordan, 2024; arXiv 2601.19085), over the span of all its matrices, f32 [n]: buffer ← μ·buffer +
// (1 - μ)·clip·g; u = μ·buffer + (1 - μ)·clip·g. Where control[apply] is 0 u becomes 0.
TRM_KERNEL(muon_momentum,
           void(const Tensor& g, const Tensor& control, float momentum, Tensor& buffer, Tensor& u),
           Dtypes::float32);
// Each matrix U [rows, columns] at u[offsets[i]] becomes scale · X: X = bfloat16(U) / max(‖U‖, 1e-7), then the steps of
// op_types.h, A being the smaller of X Xᵀ and Xᵀ X. offsets i64 [count], not overlapping. Where a matrix engine takes
// bfloat16, X, A and bA + cA² are of it, with sums in float32.
TRM_KERNEL(newton_schulz,
           void(const Tensor& offsets, int64_t rows, int64_t columns, NewtonSchulz iteration, float scale, Tensor& u),
           Dtypes::float32);
// p ← p(1 - lr·wd) - lr·u; ema and narrow as adamw
TRM_KERNEL(muon_step,
           void(const Tensor& u, const Tensor& control, const Tensor& rates, float weight_decay, Tensor& p, Tensor* ema,
                Tensor* narrow),
           Dtypes::float32);
// For each id that occurs in ids i32 [R]: w ← w(1 - lr·wd) - lr·sign(Σ rows with that id); table f32 [P, W], rows f32
// [R, W]
TRM_KERNEL(sign_sgd,
           void(const Tensor& rows, const Tensor& ids, const Tensor& control, const Tensor& rates, float weight_decay,
                Tensor& table),
           Dtypes::float32);

}  // namespace trm::kernels
