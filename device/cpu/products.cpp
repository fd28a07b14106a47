#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/few_rows.h"
#include "device/cpu/weight_product.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void linear(const Tensor& x, const Weight& w, Tensor& y) {
  if (has_few_rows(x, w)) return few_rows_linear(x, w, y);
  const size_t size = size_of(x.dtype());
  parallel_rows(x.size(0), [&](int64_t first, int64_t count) {
    times_transposed_weight(count, row_major(offset_by(x.address(), first * w.in(), size), x.dtype(), w.in()), w,
                            offset_by(y.address(), first * w.out(), size), y.dtype(), w.out());
  });
}

void linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  const size_t size = size_of(dy.dtype());
  parallel_rows(dy.size(0), [&](int64_t first, int64_t count) {
    times_weight(count, row_major(offset_by(dy.address(), first * w.out(), size), dy.dtype(), w.out()), w,
                 offset_by(dx.address(), first * w.in(), size), dx.dtype(), w.in(), accumulate);
  });
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1);
  gemm(out, in, x.size(0), transposed(dy.address(), dy.dtype(), out), row_major(x.address(), x.dtype(), in),
       dw.address(), DType::float32, in, true);
}

void token_linear(const Tensor& x, const Weight& w, Tensor& y) {
  const int64_t width = x.size(2);
  const size_t size = size_of(x.dtype());
  parallel_each(x.size(0), [&](int64_t b) {
    weight_times(width, w, row_major(offset_by(x.address(), b * w.in() * width, size), x.dtype(), width),
                 offset_by(y.address(), b * w.out() * width, size), y.dtype(), width);
  });
}

void token_linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  const int64_t width = dy.size(2);
  const size_t size = size_of(dy.dtype());
  parallel_each(dy.size(0), [&](int64_t b) {
    transposed_weight_times(width, w, row_major(offset_by(dy.address(), b * w.out() * width, size), dy.dtype(), width),
                            offset_by(dx.address(), b * w.in() * width, size), dx.dtype(), width, accumulate);
  });
}

// Each thread sums its own share of the batch in a matrix of its own; these are added up in the order of the threads.
// Few rows of the left factor and many of the right one are faster than the reverse, so the larger of O and N becomes
// the columns.
void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1), width = x.size(2), batch = x.size(0), area = out * in;
  const bool turned = out > in;
  const DType dtype = x.dtype();
  const int64_t shares = std::min<int64_t>(batch, omp_get_max_threads());
  if (shares == 0) return;
  auto* sums = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(shares * area) * sizeof(float)));
  parallel_each(shares, [&](int64_t share) {
    const int64_t first = batch * share / shares, end = batch * (share + 1) / shares;
    for (int64_t b = first; b < end; ++b) {
      const void *left = offset_by(dy.address(), b * out * width, size_of(dtype)),
                 *right = offset_by(x.address(), b * in * width, size_of(dtype));
      if (turned) std::swap(left, right);
      gemm(turned ? in : out, turned ? out : in, width, row_major(left, dtype, width), transposed(right, dtype, width),
           sums + share * area, DType::float32, turned ? out : in, b > first);
    }
  });
  float* to = dw.data<float>();
  constexpr int64_t tile = 16;
#pragma omp parallel for schedule(static) if (area > 1 << 12)
  for (int64_t first = 0; first < out; first += tile)
    for (int64_t share = 0; share < shares; ++share) {
      const float* from = sums + share * area;
      const int64_t end = std::min(first + tile, out);
      if (!turned) {
        for (int64_t i = first * in; i < end * in; ++i) to[i] += from[i];
      } else {
        for (int64_t i = 0; i < in; ++i)
          for (int64_t o = first; o < end; ++o) to[o * in + i] += from[i * out + o];
      }
    }
}

}  // namespace

const Registration registration([] {
  kernels::linear.set(DeviceKind::cpu, linear);
  kernels::linear_apart.set(DeviceKind::cpu, few_rows_linear);
  kernels::linear_backward_input.set(DeviceKind::cpu, linear_backward_input);
  kernels::linear_backward_weight.set(DeviceKind::cpu, linear_backward_weight);
  kernels::token_linear.set(DeviceKind::cpu, token_linear);
  kernels::token_linear_backward_input.set(DeviceKind::cpu, token_linear_backward_input);
  kernels::token_linear_backward_weight.set(DeviceKind::cpu, token_linear_backward_weight);
});

}  // namespace trm::cpu
