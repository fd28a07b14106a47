#include "device/cpu/swiglu_loops.h"

#include "device/cpu/vector_math.h"

namespace trm::cpu::TRM_SIMD {
namespace {

template <class T>
void forward(const void* gate, const void* up, void* h, int64_t rows, int64_t n, int64_t stride, int64_t h_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    const T *g = static_cast<const T*>(gate) + r * stride, *u = static_cast<const T*>(up) + r * stride;
    T* out = static_cast<T*>(h) + r * h_stride;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, silu(load(g + i)) * load(u + i));
  }
}

template <class T>
void backward(const void* gate, const void* up, const void* dh, void* d_gate, void* d_up, void* h, int64_t rows, int64_t n, int64_t stride,
              int64_t h_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    const T *g = static_cast<const T*>(gate) + r * stride, *u = static_cast<const T*>(up) + r * stride, *d = static_cast<const T*>(dh) + r * n;
    T *dg = static_cast<T*>(d_gate) + r * stride, *du = static_cast<T*>(d_up) + r * stride, *out = static_cast<T*>(h) + r * h_stride;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const float x = load(g + i), up_i = load(u + i), d_i = load(d + i), s = sigmoid(x);
      store(out + i, x * s * up_i);
      store(du + i, d_i * x * s);
      store(dg + i, d_i * up_i * s * (1.0f + x * (1.0f - s)));
    }
  }
}

}  // namespace

extern const SwigluLoops swiglu_loops{{forward<float>, forward<uint16_t>}, {backward<float>, backward<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
