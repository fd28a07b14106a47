#include "device/cpu/rms_norm_loops.h"

#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/gemm.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t rows_at_once = 64;

void linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y, Tensor* rstd) {
  const int64_t k = w.in(), n = w.out();
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  float* scales = rstd ? rstd->data<float>() : nullptr;
  parallel_chunks(x.size(0), rows_at_once, [&](int64_t first, int64_t count) {
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(count * n) * sizeof(float)));
    gemm(count, n, k, row_major(offset_by(x.address(), first * k, size), dtype, k), transposed(w.value.address(), dtype, k), sum, DType::float32, n, false);
    rms_norm_loops().rows[dtype](sum, offset_by(residual.address(), first * n, size), count, n, eps, offset_by(y.address(), first * n, size),
                                 scales ? scales + first : nullptr);
  });
}

void token_linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y, Tensor* rstd) {
  const int64_t k = w.in(), n = w.out(), columns = x.size(2);
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_chunks(x.size(0), 1, [&](int64_t b, int64_t) {
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>((n + 1) * columns) * sizeof(float)));
    gemm(n, columns, k, row_major(w.value.address(), dtype, k), row_major(offset_by(x.address(), b * k * columns, size), dtype, columns), sum,
         DType::float32, columns, false);
    rms_norm_loops().columns[dtype](sum, offset_by(residual.address(), b * n * columns, size), n, columns, eps,
                                    offset_by(y.address(), b * n * columns, size), rstd ? rstd->data<float>() + b * columns : sum + n * columns);
  });
}

void rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  const int64_t n = y.size(1);
  const size_t size = size_of(y.dtype());
  parallel_chunks(y.size(0), y.size(0), [&](int64_t first, int64_t count) {
    rms_norm_loops().rows_backward[y.dtype()](offset_by(dy.address(), first * n, size), offset_by(y.address(), first * n, size), rstd.data<float>() + first,
                                              count, n, offset_by(ds.address(), first * n, size));
  });
}

void token_rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  const int64_t n = y.size(1), columns = y.size(2);
  const size_t size = size_of(y.dtype());
  parallel_chunks(y.size(0), 1, [&](int64_t b, int64_t) {
    auto* mean = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(columns) * sizeof(float)));
    rms_norm_loops().columns_backward[y.dtype()](offset_by(dy.address(), b * n * columns, size), offset_by(y.address(), b * n * columns, size),
                                                 rstd.data<float>() + b * columns, n, columns, mean, offset_by(ds.address(), b * n * columns, size));
  });
}

}  // namespace

void register_rms_norm() {
  kernels::linear_residual_rms_norm.set(DeviceKind::cpu, linear_residual_rms_norm);
  kernels::token_linear_residual_rms_norm.set(DeviceKind::cpu, token_linear_residual_rms_norm);
  kernels::rms_norm_backward.set(DeviceKind::cpu, rms_norm_backward);
  kernels::token_rms_norm_backward.set(DeviceKind::cpu, token_rms_norm_backward);
}

}  // namespace trm::cpu
