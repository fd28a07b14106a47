#pragma once
#include "device/backend.h"

namespace trm::cpu {

/// The cpu as a platform of one device. Registers the cpu kernels at the first call.
Platform* platform();

/// One function a kernel file or group of files; called once, before any tensor exists.
void register_arithmetic();  // fill, cast, add, add3
void register_products();    // pack_weight, linear*, token_linear*
void register_swiglu();      // linear_swiglu*, token_linear_swiglu*, token_mixer, channel_mixer
void register_rms_norm();    // *_residual_rms_norm, *rms_norm_backward
void register_attention();   // rope, attention, attention_backward, attention_cached
void register_embedding();   // input_embedding*, gather_rows, drop_positions*
void register_loss();        // label_counts, cross_entropy*, linear_cross_entropy
void register_act();         // last_positions, q_head*, reset_rows, select_rows, act_*, q_continue_target
void register_optimizer();   // sum_of_squares, plan_update, adamw, adam_atan2, sign_sgd

/// Bytes that pack_weight writes (see Backend::packed_bytes).
Backend::PackedBytes packed_bytes(int64_t out, int64_t in, DType dtype, bool token);

/// True where the CPU has bfloat16 dot products (AVX512_BF16 or AMX): bfloat16 is then faster than float32.
bool has_bfloat16_instructions();

}  // namespace trm::cpu
