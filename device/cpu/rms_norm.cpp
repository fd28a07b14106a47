#include <cstring>

#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/elementwise_loops.h"
#include "device/cpu/few_rows.h"
#include "device/cpu/rms_norm_loops.h"
#include "device/cpu/weight_product.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                              Tensor* rstd) {
  if (has_few_rows(x, w)) return few_rows_linear_residual_rms_norm(x, w, residual, eps, y, rstd);
  const int64_t k = w.in(), n = w.out();
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  float* scales = rstd ? rstd->data<float>() : nullptr;
  parallel_rows(x.size(0), [&](int64_t first, int64_t count) {
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(count * n) * sizeof(float)));
    times_transposed_weight(count, row_major(offset_by(x.address(), first * k, size), dtype, k), w, sum, DType::float32,
                            n);
    rms_norm_loops().rows[dtype](sum, offset_by(residual.address(), first * n, size), count, n, eps,
                                 offset_by(y.address(), first * n, size), scales ? scales + first : nullptr);
  });
}

void token_linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                    Tensor* rstd) {
  const int64_t k = w.in(), n = w.out(), width = x.size(2);
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  float* scales = rstd ? rstd->data<float>() : nullptr;
  parallel_each(x.size(0), [&](int64_t b) {
    const int64_t start = b * n * width;
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>((n + 1) * width) * sizeof(float)));
    weight_times(width, w, row_major(offset_by(x.address(), b * k * width, size), dtype, width), sum, DType::float32,
                 width);
    rms_norm_loops().columns[dtype](sum, offset_by(residual.address(), start, size), n, width, width, eps,
                                    offset_by(y.address(), start, size), scales ? scales + b * width : sum + n * width);
  });
}

void residual_rms_norm(const Tensor& x, const Tensor& residual, float eps, Tensor& y, Tensor* rstd) {
  const int64_t n = x.size(1);
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  float* scales = rstd ? rstd->data<float>() : nullptr;
  parallel_rows(x.size(0), [&](int64_t first, int64_t count) {
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(count * n) * sizeof(float)));
    const void* from = offset_by(x.address(), first * n, size);
    if (dtype == DType::float32)
      std::memcpy(sum, from, static_cast<size_t>(count * n) * sizeof(float));
    else
      elementwise_loops().widen(static_cast<const uint16_t*>(from), sum, count * n);
    rms_norm_loops().rows[dtype](sum, offset_by(residual.address(), first * n, size), count, n, eps,
                                 offset_by(y.address(), first * n, size), scales ? scales + first : nullptr);
  });
}

void rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  const int64_t n = y.size(1);
  const size_t size = size_of(y.dtype());
  parallel_rows(y.size(0), [&](int64_t first, int64_t count) {
    rms_norm_loops().rows_backward[y.dtype()](offset_by(dy.address(), first * n, size),
                                              offset_by(y.address(), first * n, size), rstd.data<float>() + first,
                                              count, n, offset_by(ds.address(), first * n, size));
  });
}

void token_rms_norm_backward(const Tensor& dy, const Tensor& y, const Tensor& rstd, Tensor& ds) {
  const int64_t n = y.size(1), width = y.size(2);
  const size_t size = size_of(y.dtype());
  parallel_columns(y, [&](int64_t b, int64_t first, int64_t count) {
    const int64_t start = b * n * width + first;
    auto* mean = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(count) * sizeof(float)));
    rms_norm_loops().columns_backward[y.dtype()](
        offset_by(dy.address(), start, size), offset_by(y.address(), start, size),
        rstd.data<float>() + b * width + first, n, count, width, mean, offset_by(ds.address(), start, size));
  });
}

}  // namespace

const Registration registration([] {
  kernels::linear_residual_rms_norm.set(DeviceKind::cpu, linear_residual_rms_norm);
  kernels::token_linear_residual_rms_norm.set(DeviceKind::cpu, token_linear_residual_rms_norm);
  kernels::residual_rms_norm.set(DeviceKind::cpu, residual_rms_norm);
  kernels::rms_norm_backward.set(DeviceKind::cpu, rms_norm_backward);
  kernels::token_rms_norm_backward.set(DeviceKind::cpu, token_rms_norm_backward);
});

}  // namespace trm::cpu
