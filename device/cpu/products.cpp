#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/gemm.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void pack_weight(const Tensor&, Tensor&, Tensor&, bool) {}

void linear(const Tensor& x, const Weight& w, Tensor& y) {
  gemm(x.size(0), w.out(), w.in(), row_major(x.address(), x.dtype(), w.in()), transposed(w.value.address(), x.dtype(), w.in()), y.address(), y.dtype(),
       w.out(), false);
}

void linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  gemm(dy.size(0), w.in(), w.out(), row_major(dy.address(), dy.dtype(), w.out()), row_major(w.value.address(), dy.dtype(), w.in()), dx.address(),
       dx.dtype(), w.in(), accumulate);
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1);
  gemm(out, in, x.size(0), transposed(dy.address(), dy.dtype(), out), row_major(x.address(), x.dtype(), in), dw.address(), DType::float32, in, true);
}

/// y[b] = a x[b] for each b, [m, k] · [k, columns]
void each_product(const Matrix& a, int64_t m, int64_t k, const Tensor& x, Tensor& y, bool accumulate) {
  const int64_t columns = x.size(2);
  parallel_chunks(x.size(0), 1, [&](int64_t b, int64_t) {
    gemm(m, columns, k, a, row_major(offset_by(x.address(), b * k * columns, size_of(x.dtype())), x.dtype(), columns),
         offset_by(y.address(), b * m * columns, size_of(y.dtype())), y.dtype(), columns, accumulate);
  });
}

void token_linear(const Tensor& x, const Weight& w, Tensor& y) {
  each_product(row_major(w.value.address(), x.dtype(), w.in()), w.out(), w.in(), x, y, false);
}

void token_linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  each_product(transposed(w.value.address(), dy.dtype(), w.in()), w.in(), w.out(), dy, dx, accumulate);
}

void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1), columns = x.size(2);
  for (int64_t b = 0; b < x.size(0); ++b)
    gemm(out, in, columns, row_major(offset_by(dy.address(), b * out * columns, size_of(x.dtype())), x.dtype(), columns),
         transposed(offset_by(x.address(), b * in * columns, size_of(x.dtype())), x.dtype(), columns), dw.address(), DType::float32, in, true);
}

}  // namespace

Backend::PackedBytes packed_bytes(int64_t, int64_t, DType, bool) { return {}; }

void register_products() {
  kernels::pack_weight.set(DeviceKind::cpu, pack_weight);
  kernels::linear.set(DeviceKind::cpu, linear);
  kernels::linear_backward_input.set(DeviceKind::cpu, linear_backward_input);
  kernels::linear_backward_weight.set(DeviceKind::cpu, linear_backward_weight);
  kernels::token_linear.set(DeviceKind::cpu, token_linear);
  kernels::token_linear_backward_input.set(DeviceKind::cpu, token_linear_backward_input);
  kernels::token_linear_backward_weight.set(DeviceKind::cpu, token_linear_backward_weight);
}

}  // namespace trm::cpu
