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

/// dot of four rows x, each in the order above: w is loaded once.
TRM_INLINE void four_dots(const uint16_t* x, const uint16_t* w, int64_t n, float* sums) {
  __m512 even[4], odd[4];
  for (int r = 0; r < 4; ++r) even[r] = odd[r] = _mm512_setzero_ps();
  int64_t k = 0;
  for (; k + 64 <= n; k += 64) {
    const __m512i low = _mm512_loadu_si512(w + k), high = _mm512_loadu_si512(w + k + 32);
    for (int r = 0; r < 4; ++r) {
      even[r] = multiply_add(even[r], _mm512_loadu_si512(x + r * n + k), low);
      odd[r] = multiply_add(odd[r], _mm512_loadu_si512(x + r * n + k + 32), high);
    }
  }
  for (; k < n; k += 32) {
    const __mmask32 rest = n - k >= 32 ? 0xffffffffu : (1u << (n - k)) - 1u;
    const __m512i last = _mm512_maskz_loadu_epi16(rest, w + k);
    for (int r = 0; r < 4; ++r) even[r] = multiply_add(even[r], _mm512_maskz_loadu_epi16(rest, x + r * n + k), last);
  }
  for (int r = 0; r < 4; ++r) sums[r] = _mm512_reduce_add_ps(_mm512_add_ps(even[r], odd[r]));
}
#endif

/// dot of four rows x, each in the order of one: the four sums hide each other's latency.
template <class T>
TRM_INLINE void four_dots(const T* x, const T* w, int64_t n, float* sums) {
  const T *second = x + n, *third = second + n, *fourth = third + n;
  float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
  for (int64_t k = 0; k < n; ++k) {
    const float weight = load(w + k);
    a += load(x + k) * weight;
    b += load(second + k) * weight;
    c += load(third + k) * weight;
    d += load(fourth + k) * weight;
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

// One row of w after the other: a single stream through memory is read twice as fast as several. A row of x gives the
// same bits whatever the others are.
template <class T, class Y>
void product(const void* x, const void* w, void* y, int64_t m, int64_t outputs, int64_t k, int64_t y_stride) {
  const T* rows = static_cast<const T*>(x);
  for (int64_t o = 0; o < outputs; ++o) {
    const T* weights = static_cast<const T*>(w) + o * k;
    Y* to = static_cast<Y*>(y) + o;
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) {
      float sums[4];
      four_dots(rows + i * k, weights, k, sums);
      for (int r = 0; r < 4; ++r) store(to + (i + r) * y_stride, sums[r]);
    }
    for (; i < m; ++i) store(to + i * y_stride, dot(rows + i * k, weights, k));
  }
}

}  // namespace

extern const GemvLoops gemv_loops{{product<float, float>, product<uint16_t, uint16_t>},
                                  {product<float, float>, product<uint16_t, float>}};

}  // namespace trm::cpu::TRM_SIMD
