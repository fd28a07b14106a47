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

}  // namespace trm::accelerator
