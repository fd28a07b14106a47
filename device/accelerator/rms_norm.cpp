#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) { return context.programs->kernel(rms_norm_cl, name); }

/// Memory for the product: y itself, unless that is the residual.
Tensor product_memory(const Tensor& residual, const Tensor& y) {
  const bool same = residual.base() == y.base() && residual.offset() == y.offset();
  return same ? Tensor::empty(y.shape(), y.dtype(), y.device()) : y;
}

void linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                              Tensor* rstd) {
  if (y.elements() == 0) return;
  Tensor product = product_memory(residual, y);
  kernels::linear(x, w, product);
  Context& context = context_of(y);
  const Kernel& kernel = kernel_of(context, "residual_rms_norm");
  const RowGrid grid = over_rows(context, kernel, y.size(0), y.size(1));
  launch(context, "linear_residual_rms_norm", kernel, grid.grid, product, residual, y, rstd, y.size(0), y.size(1), eps,
         grid.scratch());
}

void token_linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                    Tensor* rstd) {
  if (y.elements() == 0) return;
  Tensor product = product_memory(residual, y);
  kernels::token_linear(x, w, product);
  Context& context = context_of(y);
  const Kernel& kernel = kernel_of(context, "token_residual_rms_norm");
  launch(context, "token_linear_residual_rms_norm", kernel, over_elements(context, kernel, y.size(0) * y.size(2)),
         product, residual, y, rstd, y.size(0), y.size(1), y.size(2), eps);
}

void residual_rms_norm(const Tensor& x, const Tensor& residual, float eps, Tensor& y, Tensor* rstd) {
  if (y.elements() == 0) return;
  Context& context = context_of(y);
  const Kernel& kernel = kernel_of(context, "residual_rms_norm");
  const RowGrid grid = over_rows(context, kernel, y.size(0), y.size(1));
  launch(context, "residual_rms_norm", kernel, grid.grid, x, residual, y, rstd, y.size(0), y.size(1), eps,
         grid.scratch());
}

void rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  Context& context = context_of(dy);
  const Kernel& kernel = kernel_of(context, "rms_norm_backward");
  const RowGrid grid = over_rows(context, kernel, y.size(0), y.size(1));
  launch(context, "rms_norm_backward", kernel, grid.grid, dy, y, rstd, ds, y.size(0), y.size(1), grid.scratch());
}

void token_rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  Context& context = context_of(dy);
  const Kernel& kernel = kernel_of(context, "token_rms_norm_backward");
  launch(context, "token_rms_norm_backward", kernel, over_elements(context, kernel, y.size(0) * y.size(2)), dy, y, rstd,
         ds, y.size(0), y.size(1), y.size(2));
}

}  // namespace

const Registration registration([] {
  set_float32(kernels::linear_residual_rms_norm, linear_residual_rms_norm);
  set_float32(kernels::token_linear_residual_rms_norm, token_linear_residual_rms_norm);
  set_float32(kernels::residual_rms_norm, residual_rms_norm);
  set_float32(kernels::rms_norm_backward, rms_norm_backward);
  set_float32(kernels::token_rms_norm_backward, token_rms_norm_backward);
});

}  // namespace trm::accelerator
