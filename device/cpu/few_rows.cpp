#include "device/cpu/few_rows.h"

#include <omp.h>

#include "device/cpu/chunks.h"
#include "device/cpu/gemv_loops.h"
#include "device/cpu/rms_norm_loops.h"
#include "device/cpu/swiglu_loops.h"
#include "device/cpu/workspace.h"

namespace trm::cpu {
namespace {

/// A weight below this is read sooner than threads start.
int threads_for(const Weight& w) { return w.value.bytes() < (size_t{128} << 10) ? 1 : omp_get_max_threads(); }

struct Range {
  int64_t first, count;
};
/// This thread's part of [0, total), in whole cache lines of outputs.
Range my_part(int64_t total) {
  const int64_t threads = omp_get_num_threads(), lines = (total + 31) / 32, thread = omp_get_thread_num();
  const int64_t first = std::min(total, lines * thread / threads * 32),
                end = std::min(total, lines * (thread + 1) / threads * 32);
  return {first, end - first};
}

void my_linear(const void* x, const Weight& w, int64_t m, void* y, DType y_dtype) {
  const DType dtype = w.value.dtype();
  const Range part = my_part(w.out());
  const auto loop = y_dtype == dtype ? gemv_loops().activation[dtype] : gemv_loops().wide[dtype];
  loop(x, offset_by(w.value.address(), part.first * w.in(), size_of(dtype)), offset_by(y, part.first, size_of(y_dtype)),
       m, part.count, w.in(), w.out());
}

/// both [m, 2I] and h [m, I]
void my_swiglu(const void* x, const Weight& w, int64_t m, void* both, void* h) {
  const DType dtype = w.value.dtype();
  const size_t size = size_of(dtype);
  const int64_t inner = w.out() / 2, k = w.in();
  const Range part = my_part(inner);
  void *gate = offset_by(both, part.first, size), *up = offset_by(both, inner + part.first, size);
  gemv_loops().activation[dtype](x, offset_by(w.value.address(), part.first * k, size), gate, m, part.count, k,
                                 2 * inner);
  gemv_loops().activation[dtype](x, offset_by(w.value.address(), (inner + part.first) * k, size), up, m, part.count, k,
                                 2 * inner);
  swiglu_loops().forward[dtype](gate, up, offset_by(h, part.first, size), m, part.count, 2 * inner, inner);
}

void* space(Workspace use, int64_t elements, DType dtype) {
  return workspace(use, static_cast<size_t>(elements) * size_of(dtype));
}

}  // namespace

void few_rows_linear(const Tensor& x, const Weight& w, Tensor& y) {
#pragma omp parallel num_threads(threads_for(w))
  my_linear(x.address(), w, x.size(0), y.address(), y.dtype());
}

void few_rows_linear_swiglu(const Tensor& x, const Weight& w, Tensor& h, Tensor* gate_up) {
  const int64_t m = x.size(0);
  void* both = gate_up ? gate_up->address() : space(Workspace::gate_up, m * w.out(), x.dtype());
#pragma omp parallel num_threads(threads_for(w))
  my_swiglu(x.address(), w, m, both, h.address());
}

void few_rows_linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                       Tensor* rstd) {
  const int64_t m = x.size(0), n = w.out();
  auto* sum = static_cast<float*>(space(Workspace::sum, m * n, DType::float32));
#pragma omp parallel num_threads(threads_for(w))
  my_linear(x.address(), w, m, sum, DType::float32);
  rms_norm_loops().rows[x.dtype()](sum, residual.address(), m, n, eps, y.address(),
                                   rstd ? rstd->data<float>() : nullptr);
}

void few_rows_channel_mixer(const Tensor& x, const Weight& gate_up, const Weight& down, float eps, Tensor& y) {
  const int64_t m = x.size(0), n = down.out();
  void *both = space(Workspace::gate_up, m * gate_up.out(), x.dtype()),
       *h = space(Workspace::inner, m * down.in(), x.dtype());
  auto* sum = static_cast<float*>(space(Workspace::sum, m * n, DType::float32));
#pragma omp parallel num_threads(threads_for(gate_up))
  {
    my_swiglu(x.address(), gate_up, m, both, h);
#pragma omp barrier
    my_linear(h, down, m, sum, DType::float32);
  }
  rms_norm_loops().rows[x.dtype()](sum, x.address(), m, n, eps, y.address(), nullptr);
}

}  // namespace trm::cpu
