#pragma once
// What a backend implements: one file per op in device/<backend>/, registered with `kernels::name.set(kind, function)`.
// Callers use the checked functions of device/ops.h. All tensors are contiguous and on one device; outputs are allocated, their shapes are
// right. "activation" is float32 or bfloat16, the same for all activations of a call; everything marked f32 is float32. Accumulation is float32
// everywhere. M = any number of rows, B batch, N positions, D model width, I inner width, V vocabulary, S tokens of a row.
// A kernel gives the same bits at every call with the same inputs (no unordered atomics). Outputs may not alias inputs unless said.
// "Optional" ops are declared in kernels.cpp with WithoutKernel::composed (or unneeded): a device without a kernel does not fall back.
#include <vector>

#include "device/cached_block.h"
#include "device/op.h"
#include "device/op_types.h"

namespace trm::kernels {

// ---- memory and arithmetic
extern Op<void(Tensor& out, float value)> fill;                                 // any float dtype
extern Op<void(const Tensor& in, Tensor& out)> cast;                            // between float32 and bfloat16, or a copy
extern Op<void(const Tensor& a, const Tensor& b, Tensor& out)> add;              // activations; out may be a or b
extern Op<void(const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out)> add3;  // a + b + c; out may alias

// ---- products. w [O, K].
extern Op<void(const Tensor& first, const std::vector<Weight*>& weights)> pack_weight;  // first: a weight's value; see Backend::packed_bytes
// y [M, O] = x [M, K] Wᵀ
extern Op<void(const Tensor& x, const Weight& w, Tensor& y)> linear;
// dx [M, K] = dy [M, O] W, added to what dx holds if accumulate
extern Op<void(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate)> linear_backward_input;
// dw [O, K] f32 += dyᵀ x
extern Op<void(const Tensor& dy, const Tensor& x, Tensor& dw)> linear_backward_weight;
// Token products: y [B, O, D], y[b] = W x[b], x [B, N, D], w [O, N]
extern Op<void(const Tensor& x, const Weight& w, Tensor& y)> token_linear;
extern Op<void(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate)> token_linear_backward_input;
extern Op<void(const Tensor& dy, const Tensor& x, Tensor& dw)> token_linear_backward_weight;

// ---- SwiGLU. gate_up = x W_gate_upᵀ, gate first; h = silu(gate) ∘ up.
// h [M, I]; gate_up [M, 2I] is written where asked for (needed by the backward), else it never leaves the chip if that can be helped.
extern Op<void(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up)> linear_swiglu;
// dh = dy W_down; d_gate_up [M, 2I] = gradient through silu(g) ∘ u; h [M, I] = silu(g) ∘ u again (for the weight gradient of down)
// d silu(g)/dg = σ(g)(1 + g(1 - σ(g)))
extern Op<void(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h)> linear_swiglu_backward;
// The same over the sequence axis: x [B, N, D], gate_up [B, 2I, D], h [B, I, D]
extern Op<void(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up)> token_linear_swiglu;
extern Op<void(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h)> token_linear_swiglu_backward;

// ---- residual + RMS norm: y = s · rsqrt(mean(s²) + eps), s = residual + x Wᵀ kept in float32 where possible
// y [M, O], rstd [M] f32; rstd may be null. y may alias residual.
extern Op<void(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y, Tensor* rstd)> linear_residual_rms_norm;
// y [B, N, D] normalised over N; rstd [B, D] f32
extern Op<void(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y, Tensor* rstd)> token_linear_residual_rms_norm;
// ds = rstd (dy - y mean(dy ∘ y)) over the last axis, y [M, D], rstd [M]; ds may alias dy
extern Op<void(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds)> rms_norm_backward;
// The same over axis 1 of [B, N, D], rstd [B, D]
extern Op<void(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds)> token_rms_norm_backward;
// The whole token mixer without keeping anything: y = rms_norm over N of (x + W_down (silu(g) ∘ u)), [g; u][b] = W_gate_up x[b]. Optional:
// where a device has no kernel of its own, ops::swiglu_block composes it from the two above.
extern Op<void(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y)> token_mixer;
// The same for training, keeping only rstd [B, D]; the backward recomputes gate, up and hidden from x. Optional, both or neither.
extern Op<void(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y, Tensor& rstd)> token_mixer_forward;
// dx = ds + d(W_down (silu(g) ∘ u))/dx of ds, the gradient of the sum under the norm; dx may alias ds. Weight gradients f32 added to, null: not wanted.
extern Op<void(const Tensor& ds, const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, Tensor& dx, Tensor* d_gate_up_proj, Tensor* d_down_proj)>
    token_mixer_backward;
// The same over the last axis: y [M, D] = rms_norm(x + W_down (silu(g) ∘ u)). Optional likewise.
extern Op<void(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y)> channel_mixer;

// ---- attention. qkv [B, N, 3·heads·head_dim] as [heads q | heads k | heads v]
// Rotates q and k in place by position (+ *offset where given, i32 [1]): x·cos + rotate_half(x)·sin in float32; cos, sin [positions, head_dim/2] f32;
// inverse rotates back (the backward).
extern Op<void(Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor* offset, int heads, bool inverse)> rope;
// qkv [B, N, 3·heads·head_dim] = rope(x Wᵀ) without offset, x [B, N, K]. Optional: ops::linear_rope composes it where a device has no kernel.
extern Op<void(const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, int heads, Tensor& qkv)> linear_rope;
// out [B, N, heads·head_dim] = softmax(q kᵀ/√head_dim [causal]) v; lse [B, heads, N] f32 = log Σ exp of the scores, null where not kept
extern Op<void(const Tensor& qkv, int heads, bool causal, Tensor& out, Tensor* lse)> attention;
extern Op<void(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads, bool causal, Tensor& dqkv)> attention_backward;
// The same followed by the inverse rope of dqkv. Optional: composed where a device has no kernel.
extern Op<void(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, const Tensor& cos, const Tensor& sin, int heads, bool causal,
               Tensor& dqkv)>
    attention_rope_backward;
// Incremental causal attention of T new positions, batch 1: appends k, v of qkv [T, 3·heads·head_dim] to the caches [S, heads·head_dim] at
// *position (i32 [1]) and attends each new q to all earlier and its own: out [T, heads·head_dim]
extern Op<void(const Tensor& qkv, const Tensor& position, int heads, Tensor& k_cache, Tensor& v_cache, Tensor& out)> attention_cached;

// All blocks of a level at one new position, batch 1: h = the sum of `inputs` [1, D] (rounded once), then for each block
// h = rms_norm(h + W_o attention_cached(rope(W_qkv h))), h = rms_norm(h + W_down (silu(g) ∘ u)), [g; u] = W_gate_up h; y [1, D].
// cos, sin null: no rotation. Optional: where a device has no kernel of its own, ops::cached_level composes it.
extern Op<void(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const Tensor* cos, const Tensor* sin, const Tensor& position, int heads,
               float eps, Tensor& y)>
    cached_level;

// ---- embedding
// out [B, N, D] = scale · (token or puzzle position [+ positions [N, D]]), N = P + S; tokens i32 [B, S]; table [V, D] activation dtype;
// puzzle_rows f32 [B, ndim], ndim ≤ P·D, the first P·D values of a row right-padded with zeros; P = N - S, null where P = 0;
// positions activation dtype or null.
extern Op<void(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows, const Tensor* positions, float scale, Tensor& out)> input_embedding;
// d_table f32 [V, D] += ; d_puzzle_rows f32 [B, ndim] = ; d_positions f32 [N, D] += ; all times scale
extern Op<void(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table, Tensor* d_puzzle_rows, Tensor* d_positions)> input_embedding_backward;
// out [B, W] f32 = table [P, W] f32 at ids i32 [B]
extern Op<void(const Tensor& table, const Tensor& ids, Tensor& out)> gather_rows;
// out [B, S, D] = x [B, N, D] without its first N - S positions; the backward writes zeros there
extern Op<void(const Tensor& x, Tensor& out)> drop_positions;
extern Op<void(const Tensor& dout, Tensor& dx)> drop_positions_backward;

// ---- loss
// counts i32 [B] = valid labels (≠ -100) of labels i32 [B, S]; scale f32 [B] = grad_scale / max(count, 1)
extern Op<void(const Tensor& labels, float grad_scale, Tensor& counts, Tensor& scale)> label_counts;
// logits [B, S, V] → loss f32 [B, S] (0 where ignored), preds i32 [B, S] (first largest), normalizer f32 [B, S] (log-sum-exp; stablemax: Σ s)
extern Op<void(const Tensor& logits, const Tensor& labels, LossKind kind, Tensor& loss, Tensor& preds, Tensor& normalizer)> cross_entropy;
// Overwrites logits with scale[b] · d loss / d logits (0 where ignored)
extern Op<void(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale, LossKind kind)> cross_entropy_backward;
// Head and loss in one, in chunks of rows, so that the logits of the whole batch never exist: x [B, S, D], w [V, D]. With dx, dw: also the gradient of
// Σ scale[b] · loss: dx [B, S, D] written, dw f32 [V, D] added to. Both null: loss and preds only.
extern Op<void(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale, LossKind kind, Tensor& loss, Tensor& preds, Tensor* dx, Tensor* dw)>
    linear_cross_entropy;

// ---- q head and adaptive computation (ACT)
// positions i32 [B]: P + the last column of tokens i32 [B, S] that is not pad_id (P where all are)
extern Op<void(const Tensor& tokens, int pad_id, int prefix, Tensor& positions)> last_positions;
// q f32 [B, 2] = z[b, positions[b]] · wᵀ + bias; z [B, N, D], w f32 [2, D], bias f32 [2]; positions null: 0
extern Op<void(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions, Tensor& q)> q_head;
// dz[b, positions[b]] += dq w (dz activation); dw +=, dbias +=
extern Op<void(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions, Tensor& dz, Tensor& dw, Tensor& dbias)> q_head_backward;
// z [B, N, D]: rows with halted (boolean [B]) become init [D]
extern Op<void(const Tensor& halted, const Tensor& init, Tensor& z)> reset_rows;
// current [B, ...] takes incoming's row where halted; any dtype
extern Op<void(const Tensor& halted, const Tensor& incoming, Tensor& current)> select_rows;
// steps i32 [B] (0 first where halted was true, then + 1) and the new halted boolean [B], from q. halted = steps ≥ halt_max_steps; in training with
// halt_max_steps > 1 also q_halt > 0 (compare_with_continue: q_halt > q_continue), and then only where steps ≥ min_halt. Exploration of row b, the same on
// every device: bits = random_numbers(seed, RandomPurpose::halting, counters[random_step], b);
// min_halt = uniform(bits[0]) < exploration_prob ? bits[1] % (halt_max_steps - 1) + 2 : 0.
// Such a call then adds 1 to counters[random_step], so that every micro-batch draws its own; other calls leave counters as they are.
extern Op<void(const Tensor& q, HaltingRule rule, Tensor& counters, Tensor& steps, Tensor& halted)> act_halt;
// target f32 [B] = σ(last ? next_halt : max(next_halt, next_continue)), last = steps ≥ halt_max_steps; next_q f32 [B, 2]
extern Op<void(const Tensor& next_q, const Tensor& steps, int halt_max_steps, Tensor& target)> q_continue_target;
// Losses of the q head and the step's metrics. correct[b] = all valid labels right (true where there are none). dq f32 [B, 2] = grad_scale · 0.5 ·
// d(BCE(q_halt, correct) + BCE(q_continue, target))/dq, the second only with target (dq[:, 1] = 0 without). metrics f32 [Metric::count] += sums (see
// op_types.h); loss f32 [B, S] is that of single tokens, not scaled: lm_loss = Σ_b Σ_s loss / max(counts[b], 1). steps and halted are those after act_halt.
extern Op<void(const Tensor& q, const Tensor* target, const Tensor& loss, const Tensor& preds, const Tensor& labels, const Tensor& counts, const Tensor& steps,
               const Tensor& halted, float grad_scale, Tensor& dq, Tensor& metrics)>
    act_loss;

// ---- optimizer. Flat float32 buffers over all dense parameters.
// out f32 [1] = Σ x²; deterministic
extern Op<void(const Tensor& x, Tensor& out)> sum_of_squares;
// Advances counters i64 [Counter::count] and fills control f32 [Control::count] for this step, from the gradients' squared norms (puzzle_square null
// where there is no table). A gradient that is not finite: step and skipped advance, `apply` becomes 0, Adam's t stays (as it does where frozen).
// lr at step counters[step] + 1: lr·step/warmup below warmup, then lr·(min_ratio + (1 - min_ratio)·½(1 + cos(π·progress))), progress ≤ 1.
extern Op<void(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters, Tensor& control)> plan_update;
// torch.optim.AdamW; Adam-atan2 (Everett et al., arXiv 2407.05872). g is scaled by control[clip]. Nothing happens where control[apply] is 0. ema (null: none)
// follows with control-independent rate; narrow (null: none) bfloat16 copy of the new parameters.
extern Op<void(const Tensor& g, const Tensor& control, const AdamSettings& adam, Tensor& p, Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow)> adamw;
extern Op<void(const Tensor& g, const Tensor& control, const AdamSettings& adam, Tensor& p, Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow)> adam_atan2;
// For each id that occurs in ids i32 [R]: w ← w(1 - lr·wd) - lr·sign(Σ rows with that id); table f32 [P, W], rows f32 [R, W]; lr = control[puzzle_lr]
extern Op<void(const Tensor& rows, const Tensor& ids, const Tensor& control, float weight_decay, Tensor& table)> sign_sgd;

}  // namespace trm::kernels
