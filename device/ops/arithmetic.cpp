#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {

Tensor cast(const Tensor& in, DType dtype) {
  Tensor out = Tensor::empty(in.shape(), dtype, in.device());
  cast_into(in, out);
  return out;
}

void cast_into(const Tensor& in, Tensor& out) {
  check::activation("cast", "in", in);
  check::activation("cast", "out", out);
  check::require("cast", in.elements() == out.elements(), "sizes differ: " + describe(in) + " and " + describe(out));
  kernels::cast(in, out);
}

void add_into(const Tensor& a, const Tensor& b, Tensor& out) {
  check::activation("add", "a", a);
  check::shape("add", "b", b, a.dtype(), a.shape());
  check::shape("add", "out", out, a.dtype(), a.shape());
  kernels::add(a, b, out);
}

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor out = Tensor::empty(a.shape(), a.dtype(), a.device());
  add_into(a, b, out);
  return out;
}

Tensor add(const Tensor& a, const Tensor& b, const Tensor& c) {
  check::activation("add3", "a", a);
  check::shape("add3", "b", b, a.dtype(), a.shape());
  check::shape("add3", "c", c, a.dtype(), a.shape());
  Tensor out = Tensor::empty(a.shape(), a.dtype(), a.device());
  kernels::add3(a, b, c, out);
  return out;
}

}  // namespace trm::ops
