#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {
namespace {

/// One value per normalised vector: all axes but the last, or [B, D] for a norm over axis 1.
Shape statistics_shape(const Tensor& y, bool token) {
  if (token) return {y.size(0), y.size(2)};
  Shape shape;
  for (int i = 0; i + 1 < y.rank(); ++i) shape.push_back(y.size(i));
  return shape;
}

}  // namespace

Tensor linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor* rstd) {
  const char* op = "linear_residual_rms_norm";
  check::activation(op, "x", x);
  check::activation(op, "residual", residual);
  check::same_dtype(op, x, residual);
  check::same_dtype(op, x, w.value);
  const int axis = w.token ? 1 : -1;
  Shape expected = x.shape();
  check::require(op, !w.token || x.rank() == 3, "x must be [B, N, D] for a token weight, got " + describe(x));
  check::require(op, x.size(axis) == w.in(), "x " + describe(x) + " does not fit the weight " + describe(w.value));
  expected[axis] = w.out();
  check::shape(op, "residual", residual, x.dtype(), expected);
  Tensor y = Tensor::empty(expected, x.dtype(), x.device());
  if (rstd) *rstd = Tensor::empty(statistics_shape(y, w.token), DType::float32, x.device());
  if (w.token) {
    kernels::token_linear_residual_rms_norm(x, w, residual, eps, y, rstd);
  } else {
    Tensor rows = check::as_matrix(y);
    Tensor flat = rstd ? rstd->reshape({rstd->elements()}) : Tensor();
    kernels::linear_residual_rms_norm(check::as_matrix(x), w, check::as_matrix(residual), eps, rows, rstd ? &flat : nullptr);
  }
  return y;
}

Tensor residual_rms_norm(const Tensor& x, const Tensor& residual, float eps, Tensor* rstd) {
  const char* op = "residual_rms_norm";
  check::activation(op, "x", x);
  check::shape(op, "residual", residual, x.dtype(), x.shape());
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  if (rstd) *rstd = Tensor::empty(statistics_shape(y, false), DType::float32, x.device());
  Tensor rows = check::as_matrix(y);
  Tensor flat = rstd ? rstd->reshape({rstd->elements()}) : Tensor();
  kernels::residual_rms_norm(check::as_matrix(x), check::as_matrix(residual), eps, rows, rstd ? &flat : nullptr);
  return y;
}

Tensor rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, bool token) {
  const char* op = "rms_norm_backward";
  check::activation(op, "dy", dy);
  check::shape(op, "y", y, dy.dtype(), dy.shape());
  check::require(op, !token || dy.rank() == 3, "dy must be [B, N, D], got " + describe(dy));
  check::shape(op, "rstd", rstd, DType::float32, statistics_shape(y, token));
  Tensor ds = Tensor::empty(dy.shape(), dy.dtype(), dy.device());
  if (token) {
    kernels::token_rms_norm_backward(dy, y, rstd, ds);
  } else {
    Tensor rows = check::as_matrix(ds);
    kernels::rms_norm_backward(check::as_matrix(dy), check::as_matrix(y), rstd.reshape({rstd.elements()}), rows);
  }
  return ds;
}

}  // namespace trm::ops
