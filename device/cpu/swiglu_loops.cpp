#include "device/cpu/swiglu_loops.h"

#include "device/cpu/vector_math.h"

namespace trm::cpu::TRM_SIMD {
namespace {

template <class T>
void forward(const void* gate, const void* up, void* h, int64_t n) {
  const T *g = static_cast<const T*>(gate), *u = static_cast<const T*>(up);
  T* out = static_cast<T*>(h);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) store(out + i, silu(load(g + i)) * load(u + i));
}

template <class T>
void backward(const void* gate, const void* up, const void* dh, void* d_gate, void* d_up, void* h, int64_t n) {
  const T *g = static_cast<const T*>(gate), *u = static_cast<const T*>(up), *d = static_cast<const T*>(dh);
  T *dg = static_cast<T*>(d_gate), *du = static_cast<T*>(d_up), *out = static_cast<T*>(h);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float x = load(g + i), up_i = load(u + i), d_i = load(d + i), s = sigmoid(x);
    store(out + i, x * s * up_i);
    store(du + i, d_i * x * s);
    store(dg + i, d_i * up_i * s * (1.0f + x * (1.0f - s)));
  }
}

}  // namespace

extern const SwigluLoops swiglu_loops{{forward<float>, forward<uint16_t>}, {backward<float>, backward<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
