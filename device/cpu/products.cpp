#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/few_rows.h"
#include "device/cpu/weight_product.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void linear(const Tensor& x, const Weight& w, Tensor& y) {
  if (x.size(0) <= few_rows) return few_rows_linear(x, w, y);
  const size_t size = size_of(x.dtype());
  parallel_chunks(x.size(0), chunk_rows, [&](int64_t first, int64_t count) {
    times_transposed_weight(count, row_major(offset_by(x.address(), first * w.in(), size), x.dtype(), w.in()), w,
                            offset_by(y.address(), first * w.out(), size), y.dtype(), w.out());
  });
}

void linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  const size_t size = size_of(dy.dtype());
  parallel_chunks(dy.size(0), chunk_rows, [&](int64_t first, int64_t count) {
    times_weight(count, row_major(offset_by(dy.address(), first * w.out(), size), dy.dtype(), w.out()), w,
                 offset_by(dx.address(), first * w.in(), size), dx.dtype(), w.in(), accumulate);
  });
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1);
  gemm(out, in, x.size(0), transposed(dy.address(), dy.dtype(), out), row_major(x.address(), x.dtype(), in), dw.address(), DType::float32, in, true);
}

void token_linear(const Tensor& x, const Weight& w, Tensor& y) {
  const int64_t width = x.size(2);
  const size_t size = size_of(x.dtype());
  parallel_chunks(x.size(0), 1, [&](int64_t b, int64_t) {
    weight_times(width, w, row_major(offset_by(x.address(), b * w.in() * width, size), x.dtype(), width),
                 offset_by(y.address(), b * w.out() * width, size), y.dtype(), width);
  });
}

void token_linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  const int64_t width = dy.size(2);
  const size_t size = size_of(dy.dtype());
  parallel_chunks(dy.size(0), 1, [&](int64_t b, int64_t) {
    transposed_weight_times(width, w, row_major(offset_by(dy.address(), b * w.out() * width, size), dy.dtype(), width),
                            offset_by(dx.address(), b * w.in() * width, size), dx.dtype(), width, accumulate);
  });
}

void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1), columns = x.size(2);
  for (int64_t b = 0; b < x.size(0); ++b)
    gemm(out, in, columns, row_major(offset_by(dy.address(), b * out * columns, size_of(x.dtype())), x.dtype(), columns),
         transposed(offset_by(x.address(), b * in * columns, size_of(x.dtype())), x.dtype(), columns), dw.address(), DType::float32, in, true);
}

}  // namespace

void register_products() {
  register_pack_weight();
  kernels::linear.set(DeviceKind::cpu, linear);
  kernels::linear_backward_input.set(DeviceKind::cpu, linear_backward_input);
  kernels::linear_backward_weight.set(DeviceKind::cpu, linear_backward_weight);
  kernels::token_linear.set(DeviceKind::cpu, token_linear);
  kernels::token_linear_backward_input.set(DeviceKind::cpu, token_linear_backward_input);
  kernels::token_linear_backward_weight.set(DeviceKind::cpu, token_linear_backward_weight);
}

}  // namespace trm::cpu
