#pragma once

namespace trm::cuda {

// One function a kernel file; each sets its kernels for DeviceKind::cuda.
void register_arithmetic();
void register_pack_weight();
void register_products();
void register_swiglu();
void register_rms_norm();
void register_token_mixer();
void register_rope();
void register_attention();
void register_attention_cached();
void register_cached_level();
void register_embedding();
void register_rows();
void register_cross_entropy();
void register_linear_cross_entropy();
void register_q_head();
void register_act();
void register_act_loss();
void register_optimizer();
void register_sign_sgd();

inline void register_kernels() {
  register_arithmetic();
  register_pack_weight();
  register_products();
  register_swiglu();
  register_rms_norm();
  register_token_mixer();
  register_rope();
  register_attention();
  register_attention_cached();
  register_cached_level();
  register_embedding();
  register_rows();
  register_cross_entropy();
  register_linear_cross_entropy();
  register_q_head();
  register_act();
  register_act_loss();
  register_optimizer();
  register_sign_sgd();
}

}  // namespace trm::cuda
