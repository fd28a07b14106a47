#include "device/cpu/swiglu_loops.h"

#include "device/cpu/vector_math.h"
#if defined(__AVX512BF16__)
#include "device/cpu/vector_512.h"
#endif

namespace trm::cpu::TRM_SIMD {
namespace {

#if defined(__AVX512BF16__)
template <class T>
TRM_INLINE void forward_row(const T* g, const T* u, T* h, int64_t n) {
  sixteen_by_sixteen(
      n, [=](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 x = load16(g + i, count...);
        store16(h + i, _mm512_mul_ps(_mm512_mul_ps(x, sigmoid16_for(g, x)), load16(u + i, count...)), count...);
      });
}

template <class T>
TRM_INLINE void backward_row(const T* g, const T* u, const T* dh, T* dg, T* du, T* h, int64_t n) {
  sixteen_by_sixteen(
      n, [=](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 one = _mm512_set1_ps(1.0f), x = load16(g + i, count...), up = load16(u + i, count...),
                     d = load16(dh + i, count...);
        const __m512 s = sigmoid16_for(g, x), silu = _mm512_mul_ps(x, s),
                     slope = _mm512_mul_ps(s, _mm512_fmadd_ps(x, _mm512_sub_ps(one, s), one));
        store16(h + i, _mm512_mul_ps(silu, up), count...);
        store16(du + i, _mm512_mul_ps(d, silu), count...);
        store16(dg + i, _mm512_mul_ps(_mm512_mul_ps(d, up), slope), count...);
      });
}
#else
template <class T>
TRM_INLINE void forward_row(const T* g, const T* u, T* h, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) store(h + i, silu(load(g + i)) * load(u + i));
}

template <class T>
TRM_INLINE void backward_row(const T* g, const T* u, const T* dh, T* dg, T* du, T* h, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float x = load(g + i), up = load(u + i), d = load(dh + i), s = sigmoid(x);
    store(h + i, x * s * up);
    store(du + i, d * x * s);
    store(dg + i, d * up * s * (1.0f + x * (1.0f - s)));
  }
}
#endif

template <class T>
void forward(const void* gate, const void* up, void* h, int64_t rows, int64_t n, int64_t stride, int64_t h_stride) {
  for (int64_t r = 0; r < rows; ++r)
    forward_row(static_cast<const T*>(gate) + r * stride, static_cast<const T*>(up) + r * stride,
                static_cast<T*>(h) + r * h_stride, n);
}

template <class T>
void backward(const void* gate, const void* up, const void* dh, void* d_gate, void* d_up, void* h, int64_t rows,
              int64_t n, int64_t stride, int64_t h_stride) {
  for (int64_t r = 0; r < rows; ++r)
    backward_row(static_cast<const T*>(gate) + r * stride, static_cast<const T*>(up) + r * stride,
                 static_cast<const T*>(dh) + r * n, static_cast<T*>(d_gate) + r * stride,
                 static_cast<T*>(d_up) + r * stride, static_cast<T*>(h) + r * h_stride, n);
}

}  // namespace

extern const SwigluLoops swiglu_loops{{forward<float>, forward<uint16_t>}, {backward<float>, backward<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
