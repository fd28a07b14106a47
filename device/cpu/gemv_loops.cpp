#include "device/cpu/gemv_loops.h"

#include "device/cpu/vector_math.h"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace trm::cpu::TRM_SIMD {
namespace {

template <class T>
TRM_INLINE float dot(const T* x, const T* w, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < n; ++k) sum += load(x + k) * load(w + k);
  return sum;
}

#if defined(__AVX512BF16__)
TRM_INLINE __m512 multiply_add(__m512 sum, __m512i x, __m512i w) {
  return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}

TRM_INLINE float dot(const uint16_t* x, const uint16_t* w, int64_t n) {
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t k = 0;
  for (; k + 64 <= n; k += 64) {
    even = multiply_add(even, _mm512_loadu_si512(x + k), _mm512_loadu_si512(w + k));
    odd = multiply_add(odd, _mm512_loadu_si512(x + k + 32), _mm512_loadu_si512(w + k + 32));
  }
  for (; k < n; k += 32) {
    const __mmask32 rest = n - k >= 32 ? 0xffffffffu : (1u << (n - k)) - 1u;
    even = multiply_add(even, _mm512_maskz_loadu_epi16(rest, x + k), _mm512_maskz_loadu_epi16(rest, w + k));
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}
#endif

// One row of w after the other: a single stream through memory is read twice as fast as several.
template <class T, class Y>
void product(const void* x, const void* w, void* y, int64_t m, int64_t outputs, int64_t k, int64_t y_stride) {
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t i = 0; i < m; ++i)
      store(static_cast<Y*>(y) + i * y_stride + o,
            dot(static_cast<const T*>(x) + i * k, static_cast<const T*>(w) + o * k, k));
}

}  // namespace

extern const GemvLoops gemv_loops{{product<float, float>, product<uint16_t, uint16_t>},
                                  {product<float, float>, product<uint16_t, float>}};

}  // namespace trm::cpu::TRM_SIMD
