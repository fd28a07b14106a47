#include "device/backend.h"
#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {
namespace {

void check_linear(const char* op, const Tensor& x, const Weight& w, int64_t width, bool token) {
  check::activation(op, "x", x);
  check::activation(op, "w", w.value, 2);
  check::same_dtype(op, x, w.value);
  check::require(op, w.token == token, token ? "needs a token weight" : "got a token weight, which multiplies the sequence axis");
  check::require(op, x.rank() >= 1 && (!token || x.rank() == 3), "x must be [B, N, D], got " + describe(x));
  check::require(op, x.size(token ? 1 : -1) == width, "x " + describe(x) + " does not fit the weight " + describe(w.value));
}

void check_weight_gradient(const char* op, const Tensor& dy, const Tensor& x, const Tensor& dw) {
  check::activation(op, "dy", dy);
  check::activation(op, "x", x);
  check::same_dtype(op, dy, x);
  const int axis = std::string(op).starts_with("token") ? 1 : -1;
  check::shape(op, "dw", dw, DType::float32, {dy.size(axis), x.size(axis)});
  check::require(op, dy.elements() / std::max<int64_t>(dy.size(axis), 1) == x.elements() / std::max<int64_t>(x.size(axis), 1),
                 "dy " + describe(dy) + " and x " + describe(x) + " have different numbers of rows");
}

Shape token_shape(const Tensor& x, int64_t out) { return {x.size(0), out, x.size(2)}; }

}  // namespace

Weight make_weight(const Tensor& value, bool token) {
  check::activation("make_weight", "value", value, 2);
  return {value, {}, {}, token};
}

void repack(Weight& weight) { repack(std::vector<Weight*>{&weight}); }

void repack(const std::vector<Weight*>& weights) {
  std::vector<Weight*> packed;
  for (Weight* w : weights) {
    const Tensor& value = w->value;
    check::require("repack", value.device() == weights[0]->value.device(), "the weights are on more than one device");
    const auto bytes = Backend::of(value.device()).packed_bytes(w->out(), w->in(), value.dtype(), w->token);
    if (bytes.forward == 0 && bytes.backward == 0) continue;
    if (!w->packed) w->packed = Tensor::empty({static_cast<int64_t>(bytes.forward)}, DType::boolean, value.device());
    if (!w->packed_backward) w->packed_backward = Tensor::empty({static_cast<int64_t>(bytes.backward)}, DType::boolean, value.device());
    packed.push_back(w);
  }
  if (!packed.empty()) kernels::pack_weight(packed[0]->value, packed);
}

Tensor linear(const Tensor& x, const Weight& w) {
  check_linear("linear", x, w, w.in(), false);
  Tensor y = Tensor::empty(check::with_last(x.shape(), w.out()), x.dtype(), x.device());
  Tensor rows = check::as_matrix(y);
  kernels::linear(check::as_matrix(x), w, rows);
  return y;
}

Tensor linear_apart(const Tensor& x, const Weight& w) {
  check_linear("linear_apart", x, w, w.in(), false);
  Tensor y = Tensor::empty(check::with_last(x.shape(), w.out()), x.dtype(), x.device());
  const Tensor inputs = check::as_matrix(x);
  Tensor rows = check::as_matrix(y);
  if (!kernels::linear_apart.why_not(x.device().kind, inputs, w, rows)) {
    kernels::linear_apart(inputs, w, rows);
    return y;
  }
  for (int64_t r = 0; r < rows.size(0); ++r) {
    Tensor row = rows.rows(r, 1);
    kernels::linear(inputs.rows(r, 1), w, row);
  }
  return y;
}

Tensor linear_backward_input(const Tensor& dy, const Weight& w) {
  check_linear("linear_backward_input", dy, w, w.out(), false);
  Tensor dx = Tensor::empty(check::with_last(dy.shape(), w.in()), dy.dtype(), dy.device());
  Tensor rows = check::as_matrix(dx);
  kernels::linear_backward_input(check::as_matrix(dy), w, rows, false);
  return dx;
}

void linear_backward_input_into(const Tensor& dy, const Weight& w, Tensor& dx) {
  check_linear("linear_backward_input", dy, w, w.out(), false);
  check::shape("linear_backward_input", "dx", dx, dy.dtype(), check::with_last(dy.shape(), w.in()));
  Tensor rows = check::as_matrix(dx);
  kernels::linear_backward_input(check::as_matrix(dy), w, rows, true);
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  check_weight_gradient("linear_backward_weight", dy, x, dw);
  kernels::linear_backward_weight(check::as_matrix(dy), check::as_matrix(x), dw);
}

Tensor token_linear(const Tensor& x, const Weight& w) {
  check_linear("token_linear", x, w, w.in(), true);
  Tensor y = Tensor::empty(token_shape(x, w.out()), x.dtype(), x.device());
  kernels::token_linear(x, w, y);
  return y;
}

Tensor token_linear_backward_input(const Tensor& dy, const Weight& w) {
  check_linear("token_linear_backward_input", dy, w, w.out(), true);
  Tensor dx = Tensor::empty(token_shape(dy, w.in()), dy.dtype(), dy.device());
  kernels::token_linear_backward_input(dy, w, dx, false);
  return dx;
}

void token_linear_backward_input_into(const Tensor& dy, const Weight& w, Tensor& dx) {
  check_linear("token_linear_backward_input", dy, w, w.out(), true);
  check::shape("token_linear_backward_input", "dx", dx, dy.dtype(), token_shape(dy, w.in()));
  kernels::token_linear_backward_input(dy, w, dx, true);
}

void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  check_weight_gradient("token_linear_backward_weight", dy, x, dw);
  kernels::token_linear_backward_weight(dy, x, dw);
}

}  // namespace trm::ops
