#include "device/cpu/gemv_loops.h"

#include "device/cpu/vector_math.h"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own _mm512_reduce_add_ps
#endif

namespace trm::cpu::TRM_SIMD {
namespace {

/// sums[r] = Σ_k x[k] w[r · k_size + k] for `count` ≤ 4 rows of w.
template <class T>
TRM_INLINE void dot_rows(const T* x, const T* w, int64_t k_size, int64_t count, float* sums) {
  const T *w0 = w, *w1 = w + (count > 1) * k_size, *w2 = w + (count > 2 ? 2 : 0) * k_size, *w3 = w + (count > 3 ? 3 : 0) * k_size;
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
  for (int64_t k = 0; k < k_size; ++k) {
    const float v = load(x + k);
    s0 += v * load(w0 + k);
    s1 += v * load(w1 + k);
    s2 += v * load(w2 + k);
    s3 += v * load(w3 + k);
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

#if defined(__AVX512BF16__)
TRM_INLINE __m512bh words(const uint16_t* p, __mmask32 mask) { return (__m512bh)_mm512_maskz_loadu_epi16(mask, p); }

TRM_INLINE void dot_rows(const uint16_t* x, const uint16_t* w, int64_t k_size, int64_t count, float* sums) {
  const uint16_t *w0 = w, *w1 = w + (count > 1) * k_size, *w2 = w + (count > 2 ? 2 : 0) * k_size, *w3 = w + (count > 3 ? 3 : 0) * k_size;
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  for (int64_t k = 0; k < k_size; k += 32) {
    const __mmask32 mask = k_size - k >= 32 ? 0xffffffffu : (1u << (k_size - k)) - 1u;
    const __m512bh v = words(x + k, mask);
    s0 = _mm512_dpbf16_ps(s0, v, words(w0 + k, mask));
    s1 = _mm512_dpbf16_ps(s1, v, words(w1 + k, mask));
    s2 = _mm512_dpbf16_ps(s2, v, words(w2 + k, mask));
    s3 = _mm512_dpbf16_ps(s3, v, words(w3 + k, mask));
  }
  sums[0] = _mm512_reduce_add_ps(s0);
  sums[1] = _mm512_reduce_add_ps(s1);
  sums[2] = _mm512_reduce_add_ps(s2);
  sums[3] = _mm512_reduce_add_ps(s3);
}
#endif

template <class T, class Y>
void product(const void* x, const void* w, void* y, int64_t m, int64_t outputs, int64_t k, int64_t y_stride) {
  for (int64_t o = 0; o < outputs; o += 4) {
    const int64_t count = outputs - o < 4 ? outputs - o : 4;
    for (int64_t i = 0; i < m; ++i) {
      float sums[4];
      dot_rows(static_cast<const T*>(x) + i * k, static_cast<const T*>(w) + o * k, k, count, sums);
      for (int64_t r = 0; r < count; ++r) store(static_cast<Y*>(y) + i * y_stride + o + r, sums[r]);
    }
  }
}

}  // namespace

extern const GemvLoops gemv_loops{{product<float, float>, product<uint16_t, uint16_t>}, {product<float, float>, product<uint16_t, float>}};

}  // namespace trm::cpu::TRM_SIMD
