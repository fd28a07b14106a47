#pragma once
#include <type_traits>

#include "device/op.h"

namespace trm::accelerator {

/// Registers a kernel that serves float32 activations only; bfloat16 falls back.
template <class... Args>
void set_float32(Op<void(Args...)>& op, void (*kernel)(Args...)) {
  op.set(
      DeviceKind::accelerator, kernel,
      [](std::add_lvalue_reference_t<std::add_const_t<std::remove_reference_t<Args>>>... args) -> const char* {
        bool narrow = false;
        (trm::detail::visit_tensors([&](const Tensor& t) { narrow |= t.dtype() == DType::bfloat16; }, args), ...);
        return narrow ? "float32 only" : nullptr;
      },
      "float32 only", Dtypes::float32);
}

// One function a kernel file; each sets its kernels for DeviceKind::accelerator.
void register_arithmetic();
void register_products();
void register_swiglu();
void register_rms_norm();
void register_rope();
void register_attention();
void register_attention_backward();
void register_attention_cached();
void register_embedding();
void register_embedding_backward();
void register_rows();
void register_label_counts();
void register_cross_entropy();
void register_linear_cross_entropy();
void register_q_head();
void register_act();
void register_act_loss();
void register_sum_of_squares();
void register_plan_update();
void register_adam();
void register_sign_sgd();

inline void register_kernels() {
  register_arithmetic();
  register_products();
  register_swiglu();
  register_rms_norm();
  register_rope();
  register_attention();
  register_attention_backward();
  register_attention_cached();
  register_embedding();
  register_embedding_backward();
  register_rows();
  register_label_counts();
  register_cross_entropy();
  register_linear_cross_entropy();
  register_q_head();
  register_act();
  register_act_loss();
  register_sum_of_squares();
  register_plan_update();
  register_adam();
  register_sign_sgd();
}

}  // namespace trm::accelerator
