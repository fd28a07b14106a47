// SwiGLU as a product through cuBLASLt and one pass over memory; on Hopper in bfloat16 the product's epilogue does it
// (gate_up_sm90.cu).
#include "device/cuda/device_math.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/swiglu.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;

__device__ __forceinline__ int64_t divide(int64_t a, int64_t b, bool small) {
  return small ? static_cast<int64_t>(static_cast<uint32_t>(a) / static_cast<uint32_t>(b)) : a / b;
}

/// gate_up [rows, 2, inner] → h [rows, inner] = silu(gate) ∘ up
template <class T, int N>
__global__ void swiglu_kernel(const T* gate_up, T* h, int64_t rows, int64_t inner) {
  const int64_t packs = inner / N, n = rows * packs;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const int64_t row = divide(i, packs, n < (int64_t{1} << 32)), column = i - row * packs;
    const auto* from = reinterpret_cast<const Pack<T, N>*>(gate_up) + 2 * row * packs + column;
    const Pack<T, N> gate = from[0], up = from[packs];
    Pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float g = to_float(gate.v[j]);
      out.v[j] = from_float<T>(g / (1.0f + expf(-g)) * to_float(up.v[j]));
    }
    reinterpret_cast<Pack<T, N>*>(h)[i] = out;
  }
}

/// h holds dh on entry and silu(gate) ∘ up on return.
template <class T, int N>
__global__ void swiglu_backward_kernel(const T* gate_up, T* h, T* d_gate_up, int64_t rows, int64_t inner) {
  const int64_t packs = inner / N, n = rows * packs;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const int64_t row = divide(i, packs, n < (int64_t{1} << 32)), column = i - row * packs,
                  at = 2 * row * packs + column;
    const auto* from = reinterpret_cast<const Pack<T, N>*>(gate_up) + at;
    const Pack<T, N> gate = from[0], up = from[packs], dh = reinterpret_cast<const Pack<T, N>*>(h)[i];
    Pack<T, N> d_gate, d_up, out;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float g = to_float(gate.v[j]), u = to_float(up.v[j]), d = to_float(dh.v[j]);
      const float s = 1.0f / (1.0f + expf(-g)), silu = g * s;
      d_gate.v[j] = from_float<T>(d * u * s * (1.0f + g * (1.0f - s)));
      d_up.v[j] = from_float<T>(d * silu);
      out.v[j] = from_float<T>(silu * u);
    }
    auto* to = reinterpret_cast<Pack<T, N>*>(d_gate_up) + at;
    to[0] = d_gate;
    to[packs] = d_up;
    reinterpret_cast<Pack<T, N>*>(h)[i] = out;
  }
}

/// Calls run(T, N) with N elements a pack: 16 bytes where addresses and the inner size allow, else one.
template <class F>
void for_packs(const Tensor& a, const Tensor& b, const Tensor& c, int64_t inner, F&& run) {
  for_activation(a, [&]<class T>() {
    if (inner % pack_size<T> == 0 && aligned16(a) && aligned16(b) && aligned16(c))
      run.template operator()<T, pack_size<T>>();
    else
      run.template operator()<T, 1>();
  });
}

/// For both layouts gate_up is [rows, 2, inner]: rows of M with inner I, or rows of the batch with inner I·D.
void apply_swiglu(const Tensor& gate_up, Tensor& h, int64_t rows) {
  if (h.elements() == 0) return;
  Context& context = context_of(h);
  const int64_t inner = h.elements() / rows;
  for_packs(gate_up, h, h, inner, [&]<class T, int N>() {
    swiglu_kernel<T, N>
        <<<blocks_for(rows * inner / N, threads, 64 * context.multiprocessors), threads, 0, context.stream>>>(
            elements<T>(gate_up), elements<T>(h), rows, inner);
  });
  launched("linear_swiglu");
}

void apply_swiglu_backward(const Tensor& gate_up, Tensor& h, Tensor& d_gate_up, int64_t rows) {
  if (h.elements() == 0) return;
  Context& context = context_of(h);
  const int64_t inner = h.elements() / rows;
  for_packs(gate_up, h, d_gate_up, inner, [&]<class T, int N>() {
    swiglu_backward_kernel<T, N>
        <<<blocks_for(rows * inner / N, threads, 64 * context.multiprocessors), threads, 0, context.stream>>>(
            elements<T>(gate_up), elements<T>(h), elements<T>(d_gate_up), rows, inner);
  });
  launched("linear_swiglu_backward");
}

void linear_swiglu(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up) {
  if (linear_swiglu_sm90(x, gate_up_proj, h, gate_up)) return;
  Tensor kept = gate_up ? *gate_up : Tensor::empty({x.size(0), gate_up_proj.out()}, x.dtype(), x.device());
  kernels::linear(x, gate_up_proj, kept);
  apply_swiglu(kept, h, x.size(0));
}

void linear_swiglu_backward(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up,
                            Tensor& h) {
  if (linear_swiglu_backward_sm90(dy, down_proj, gate_up, d_gate_up, h)) return;
  kernels::linear_backward_input(dy, down_proj, h, false);
  apply_swiglu_backward(gate_up, h, d_gate_up, dy.size(0));
}

void token_linear_swiglu(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up) {
  Tensor kept = gate_up ? *gate_up : Tensor::empty({x.size(0), gate_up_proj.out(), x.size(2)}, x.dtype(), x.device());
  kernels::token_linear(x, gate_up_proj, kept);
  apply_swiglu(kept, h, x.size(0));
}

void token_linear_swiglu_backward(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up,
                                  Tensor& h) {
  kernels::token_linear_backward_input(dy, down_proj, h, false);
  apply_swiglu_backward(gate_up, h, d_gate_up, dy.size(0));
}

}  // namespace

const Registration registration([] {
  kernels::linear_swiglu.set(DeviceKind::cuda, linear_swiglu);
  kernels::linear_swiglu_backward.set(DeviceKind::cuda, linear_swiglu_backward);
  kernels::token_linear_swiglu.set(DeviceKind::cuda, token_linear_swiglu);
  kernels::token_linear_swiglu_backward.set(DeviceKind::cuda, token_linear_swiglu_backward);
});

}  // namespace trm::cuda
