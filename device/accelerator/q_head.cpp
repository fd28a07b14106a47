#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) { return context.programs->kernel(q_head_cl, name); }

void q_head(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions, Tensor& q) {
  Context& context = context_of(z);
  const Kernel& kernel = kernel_of(context, "q_head");
  const RowGrid grid = over_rows(context, kernel, z.size(0), z.size(2));
  launch(context, "q_head", kernel, grid.grid, z, w, bias, positions, q, z.size(0), z.size(1), z.size(2),
         grid.scratch());
}

void q_head_backward(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions, Tensor& dz,
                     Tensor& dw, Tensor& dbias) {
  const char* op = "q_head_backward";
  const int64_t B = z.size(0), N = z.size(1), D = z.size(2);
  if (B == 0) return;
  Context& context = context_of(z);
  const Kernel &input = kernel_of(context, "q_head_input_gradient"),
               &weight = kernel_of(context, "q_head_weight_gradient");
  launch(context, op, input, over_elements(context, input, B * D), dq, w, positions, dz, B, N, D);
  const RowGrid grid = over_rows(context, weight, D + 1, B);
  launch(context, op, weight, grid.grid, dq, z, positions, dw, dbias, B, N, D, grid.scratch());
}

}  // namespace

const Registration registration([] {
  set_float32(kernels::q_head, q_head);
  set_float32(kernels::q_head_backward, q_head_backward);
});

}  // namespace trm::accelerator
