// A product, then one pass. For both layouts gate_up is [rows, 2, inner]: rows of M with inner I, or rows of the batch
// with inner I·D.
#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void apply_swiglu(const char* op, const Tensor& gate_up, Tensor& h, int64_t rows) {
  if (h.elements() == 0) return;
  Context& context = context_of(h);
  const Kernel& kernel = context.programs->kernel(swiglu_cl, "swiglu");
  launch(context, op, kernel, over_elements(context, kernel, h.elements()), gate_up, h, h.elements() / rows,
         h.elements());
}

void apply_swiglu_backward(const char* op, const Tensor& gate_up, Tensor& h, Tensor& d_gate_up, int64_t rows) {
  if (h.elements() == 0) return;
  Context& context = context_of(h);
  const Kernel& kernel = context.programs->kernel(swiglu_cl, "swiglu_backward");
  launch(context, op, kernel, over_elements(context, kernel, h.elements()), gate_up, h, d_gate_up, h.elements() / rows,
         h.elements());
}

void linear_swiglu(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up) {
  Tensor kept = gate_up ? *gate_up : Tensor::empty({x.size(0), gate_up_proj.out()}, x.dtype(), x.device());
  kernels::linear(x, gate_up_proj, kept);
  apply_swiglu("linear_swiglu", kept, h, x.size(0));
}

void linear_swiglu_backward(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up,
                            Tensor& h) {
  kernels::linear_backward_input(dy, down_proj, h, false);
  apply_swiglu_backward("linear_swiglu_backward", gate_up, h, d_gate_up, dy.size(0));
}

void token_linear_swiglu(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up) {
  Tensor kept = gate_up ? *gate_up : Tensor::empty({x.size(0), gate_up_proj.out(), x.size(2)}, x.dtype(), x.device());
  kernels::token_linear(x, gate_up_proj, kept);
  apply_swiglu("token_linear_swiglu", kept, h, x.size(0));
}

void token_linear_swiglu_backward(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up,
                                  Tensor& h) {
  kernels::token_linear_backward_input(dy, down_proj, h, false);
  apply_swiglu_backward("token_linear_swiglu_backward", gate_up, h, d_gate_up, dy.size(0));
}

}  // namespace

const Registration registration([] {
  set_float32(kernels::linear_swiglu, linear_swiglu);
  set_float32(kernels::linear_swiglu_backward, linear_swiglu_backward);
  set_float32(kernels::token_linear_swiglu, token_linear_swiglu);
  set_float32(kernels::token_linear_swiglu_backward, token_linear_swiglu_backward);
});

}  // namespace trm::accelerator
