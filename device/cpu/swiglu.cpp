#include "device/cpu/swiglu_loops.h"

#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/gemm.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t rows_at_once = 64;

void linear_swiglu(const Tensor& x, const Weight& w, Tensor& h, Tensor* gate_up) {
  const int64_t inner = w.out() / 2, k = w.in();
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_chunks(x.size(0), rows_at_once, [&](int64_t first, int64_t count) {
    void* both = gate_up ? offset_by(gate_up->address(), first * 2 * inner, size)
                         : workspace(Workspace::gate_up, static_cast<size_t>(count * 2 * inner) * size);
    gemm(count, 2 * inner, k, row_major(offset_by(x.address(), first * k, size), dtype, k), transposed(w.value.address(), dtype, k), both, dtype,
         2 * inner, false);
    for (int64_t r = 0; r < count; ++r)
      swiglu_loops().forward[dtype](offset_by(both, r * 2 * inner, size), offset_by(both, (2 * r + 1) * inner, size),
                                    offset_by(h.address(), (first + r) * inner, size), inner);
  });
}

void linear_swiglu_backward(const Tensor& dy, const Weight& down, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h) {
  const int64_t inner = down.in(), width = down.out();
  const DType dtype = dy.dtype();
  const size_t size = size_of(dtype);
  parallel_chunks(dy.size(0), rows_at_once, [&](int64_t first, int64_t count) {
    void* dh = workspace(Workspace::inner, static_cast<size_t>(count * inner) * size);
    gemm(count, inner, width, row_major(offset_by(dy.address(), first * width, size), dtype, width), row_major(down.value.address(), dtype, inner), dh,
         dtype, inner, false);
    for (int64_t r = 0; r < count; ++r) {
      const int64_t gate = (first + r) * 2 * inner, up = gate + inner;
      swiglu_loops().backward[dtype](offset_by(gate_up.address(), gate, size), offset_by(gate_up.address(), up, size), offset_by(dh, r * inner, size),
                                     offset_by(d_gate_up.address(), gate, size), offset_by(d_gate_up.address(), up, size),
                                     offset_by(h.address(), (first + r) * inner, size), inner);
    }
  });
}

void token_linear_swiglu(const Tensor& x, const Weight& w, Tensor& h, Tensor* gate_up) {
  const int64_t inner = w.out() / 2, n = w.in(), columns = x.size(2), area = inner * columns;
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_chunks(x.size(0), 1, [&](int64_t b, int64_t) {
    void* both = gate_up ? offset_by(gate_up->address(), b * 2 * area, size) : workspace(Workspace::gate_up, static_cast<size_t>(2 * area) * size);
    gemm(2 * inner, columns, n, row_major(w.value.address(), dtype, n), row_major(offset_by(x.address(), b * n * columns, size), dtype, columns), both,
         dtype, columns, false);
    swiglu_loops().forward[dtype](both, offset_by(both, area, size), offset_by(h.address(), b * area, size), area);
  });
}

void token_linear_swiglu_backward(const Tensor& dy, const Weight& down, const Tensor& gate_up, Tensor& d_gate_up, Tensor& h) {
  const int64_t inner = down.in(), n = down.out(), columns = dy.size(2), area = inner * columns;
  const DType dtype = dy.dtype();
  const size_t size = size_of(dtype);
  parallel_chunks(dy.size(0), 1, [&](int64_t b, int64_t) {
    void* dh = workspace(Workspace::inner, static_cast<size_t>(area) * size);
    gemm(inner, columns, n, transposed(down.value.address(), dtype, inner), row_major(offset_by(dy.address(), b * n * columns, size), dtype, columns), dh,
         dtype, columns, false);
    const int64_t gate = b * 2 * area, up = gate + area;
    swiglu_loops().backward[dtype](offset_by(gate_up.address(), gate, size), offset_by(gate_up.address(), up, size), dh,
                                   offset_by(d_gate_up.address(), gate, size), offset_by(d_gate_up.address(), up, size),
                                   offset_by(h.address(), b * area, size), area);
  });
}

}  // namespace

void register_swiglu() {
  kernels::linear_swiglu.set(DeviceKind::cpu, linear_swiglu);
  kernels::linear_swiglu_backward.set(DeviceKind::cpu, linear_swiglu_backward);
  kernels::token_linear_swiglu.set(DeviceKind::cpu, token_linear_swiglu);
  kernels::token_linear_swiglu_backward.set(DeviceKind::cpu, token_linear_swiglu_backward);
}

}  // namespace trm::cpu
