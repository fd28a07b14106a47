#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/few_rows.h"
#include "device/cpu/swiglu_loops.h"
#include "device/cpu/weight_product.h"
#include "device/kernels.h"
#include "device/cpu/workspace.h"

namespace trm::cpu {
namespace {

void linear_swiglu(const Tensor& x, const Weight& w, Tensor& h, Tensor* gate_up) {
  if (has_few_rows(x, w)) return few_rows_linear_swiglu(x, w, h, gate_up);
  const int64_t inner = w.out() / 2, k = w.in();
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_rows(x.size(0), [&](int64_t first, int64_t count) {
    void* both = gate_up ? offset_by(gate_up->address(), first * 2 * inner, size)
                         : workspace(Workspace::gate_up, static_cast<size_t>(count * 2 * inner) * size);
    times_transposed_weight(count, row_major(offset_by(x.address(), first * k, size), dtype, k), w, both, dtype,
                            2 * inner);
    swiglu_loops().forward[dtype](both, offset_by(both, inner, size), offset_by(h.address(), first * inner, size),
                                  count, inner, 2 * inner, inner);
  });
}

void linear_swiglu_backward(const Tensor& dy, const Weight& down, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h) {
  const int64_t inner = down.in(), width = down.out();
  const DType dtype = dy.dtype();
  const size_t size = size_of(dtype);
  parallel_rows(dy.size(0), [&](int64_t first, int64_t count) {
    void* dh = workspace(Workspace::inner, static_cast<size_t>(count * inner) * size);
    times_weight(count, row_major(offset_by(dy.address(), first * width, size), dtype, width), down, dh, dtype, inner);
    const int64_t gate = first * 2 * inner, up = gate + inner;
    swiglu_loops().backward[dtype](offset_by(gate_up.address(), gate, size), offset_by(gate_up.address(), up, size), dh,
                                   offset_by(d_gate_up.address(), gate, size), offset_by(d_gate_up.address(), up, size),
                                   offset_by(h.address(), first * inner, size), count, inner, 2 * inner, inner);
  });
}

void token_linear_swiglu(const Tensor& x, const Weight& w, Tensor& h, Tensor* gate_up) {
  const int64_t inner = w.out() / 2, n = w.in(), width = x.size(2), area = inner * width;
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_each(x.size(0), [&](int64_t b) {
    void* both = gate_up ? offset_by(gate_up->address(), b * 2 * area, size)
                         : workspace(Workspace::gate_up, static_cast<size_t>(2 * area) * size);
    weight_times(width, w, row_major(offset_by(x.address(), b * n * width, size), dtype, width), both, dtype, width);
    swiglu_loops().forward[dtype](both, offset_by(both, area, size), offset_by(h.address(), b * area, size), 1, area, 0,
                                  0);
  });
}

void token_linear_swiglu_backward(const Tensor& dy, const Weight& down, const Tensor& gate_up, Tensor& d_gate_up,
                                  Tensor& h) {
  const int64_t inner = down.in(), n = down.out(), width = dy.size(2), area = inner * width;
  const DType dtype = dy.dtype();
  const size_t size = size_of(dtype);
  parallel_each(dy.size(0), [&](int64_t b) {
    void* dh = workspace(Workspace::inner, static_cast<size_t>(area) * size);
    transposed_weight_times(width, down, row_major(offset_by(dy.address(), b * n * width, size), dtype, width), dh,
                            dtype, width);
    const int64_t gate = b * 2 * area, up = gate + area;
    swiglu_loops().backward[dtype](offset_by(gate_up.address(), gate, size), offset_by(gate_up.address(), up, size), dh,
                                   offset_by(d_gate_up.address(), gate, size), offset_by(d_gate_up.address(), up, size),
                                   offset_by(h.address(), b * area, size), 1, area, 0, 0);
  });
}

}  // namespace

const Registration registration([] {
  kernels::linear_swiglu.set(DeviceKind::cpu, linear_swiglu);
  kernels::linear_swiglu_backward.set(DeviceKind::cpu, linear_swiglu_backward);
  kernels::token_linear_swiglu.set(DeviceKind::cpu, token_linear_swiglu);
  kernels::token_linear_swiglu_backward.set(DeviceKind::cpu, token_linear_swiglu_backward);
});

}  // namespace trm::cpu
