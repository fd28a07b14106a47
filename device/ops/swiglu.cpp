#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {
namespace {

/// [..., D] → [..., width], or [B, N, D] → [B, width, D] for token weights.
Shape wide(const Tensor& x, int64_t width, bool token) {
  Shape shape = x.shape();
  shape[token ? 1 : -1] = width;
  return shape;
}

void check_projection(const char* op, const Tensor& x, const Weight& w, int64_t width) {
  check::activation(op, "x", x);
  check::activation(op, "weight", w.value, 2);
  check::same_dtype(op, x, w.value);
  check::require(op, !w.token || x.rank() == 3, "x must be [B, N, D] for a token weight, got " + describe(x));
  check::require(op, x.size(w.token ? 1 : -1) == width, "x " + describe(x) + " does not fit the weight " + describe(w.value));
}

void check_block(const char* op, const Tensor& x, const Weight& gate_up, const Weight& down) {
  check_projection(op, x, gate_up, gate_up.in());
  check::require(op, gate_up.token == down.token && gate_up.out() == 2 * down.in() && down.out() == gate_up.in(),
                 "weights do not fit: " + describe(gate_up.value) + " and " + describe(down.value));
}

}  // namespace

Tensor linear_swiglu(const Tensor& x, const Weight& w, Tensor* gate_up) {
  check_projection("linear_swiglu", x, w, w.in());
  check::require("linear_swiglu", w.out() % 2 == 0, "gate and up need an even number of rows, got " + describe(w.value));
  Tensor h = Tensor::empty(wide(x, w.out() / 2, w.token), x.dtype(), x.device());
  if (gate_up) *gate_up = Tensor::empty(wide(x, w.out(), w.token), x.dtype(), x.device());
  if (w.token) {
    kernels::token_linear_swiglu(x, w, h, gate_up);
  } else {
    Tensor rows = check::as_matrix(h);
    Tensor kept = gate_up ? check::as_matrix(*gate_up) : Tensor();
    kernels::linear_swiglu(check::as_matrix(x), w, rows, gate_up ? &kept : nullptr);
  }
  return h;
}

SwigluGradient linear_swiglu_backward(const Tensor& dy, const Weight& down, const Tensor& gate_up) {
  check_projection("linear_swiglu_backward", dy, down, down.out());
  check::shape("linear_swiglu_backward", "gate_up", gate_up, dy.dtype(), wide(dy, 2 * down.in(), down.token));
  SwigluGradient g{Tensor::empty(gate_up.shape(), dy.dtype(), dy.device()), Tensor::empty(wide(dy, down.in(), down.token), dy.dtype(), dy.device())};
  if (down.token) {
    kernels::token_linear_swiglu_backward(dy, down, gate_up, g.d_gate_up, g.h);
  } else {
    Tensor d_rows = check::as_matrix(g.d_gate_up), h_rows = check::as_matrix(g.h);
    kernels::linear_swiglu_backward(check::as_matrix(dy), down, check::as_matrix(gate_up), d_rows, h_rows);
  }
  return g;
}

Tensor swiglu_block(const Tensor& x, const Weight& gate_up, const Weight& down, float eps) {
  check_block("swiglu_block", x, gate_up, down);
  const auto& fused = gate_up.token ? kernels::token_mixer : kernels::channel_mixer;
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  const Tensor rows = gate_up.token ? x : check::as_matrix(x);
  Tensor y_rows = y.reshape(rows.shape());
  if (!fused.why_not(x.device().kind, rows, gate_up, down, eps, y_rows)) {
    fused(rows, gate_up, down, eps, y_rows);
    return y;
  }
  return linear_residual_rms_norm(linear_swiglu(x, gate_up, nullptr), down, x, eps, nullptr);
}

Tensor swiglu_block_forward(const Tensor& x, const Weight& gate_up, const Weight& down, float eps, Tensor& rstd) {
  check_block("swiglu_block_forward", x, gate_up, down);
  const DeviceKind kind = x.device().kind;
  if (!gate_up.token || !kernels::token_mixer_forward.native(kind) || !kernels::token_mixer_backward.native(kind)) return {};
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  rstd = Tensor::empty({x.size(0), x.size(2)}, DType::float32, x.device());
  if (kernels::token_mixer_forward.why_not(kind, x, gate_up, down, eps, y, rstd)) return {};
  kernels::token_mixer_forward(x, gate_up, down, eps, y, rstd);
  return y;
}

void swiglu_block_backward(Tensor& ds, const Tensor& x, const Weight& gate_up, const Weight& down, Tensor* d_gate_up, Tensor* d_down) {
  const char* op = "swiglu_block_backward";
  check_block(op, x, gate_up, down);
  check::shape(op, "ds", ds, x.dtype(), x.shape());
  if (d_gate_up) check::shape(op, "d_gate_up_proj", *d_gate_up, DType::float32, gate_up.value.shape());
  if (d_down) check::shape(op, "d_down_proj", *d_down, DType::float32, down.value.shape());
  kernels::token_mixer_backward(ds, x, gate_up, down, ds, d_gate_up, d_down);
}

}  // namespace trm::ops
