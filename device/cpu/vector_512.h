#pragma once
// Sixteen lanes at a time, for loops that are worth writing out for AVX512_BF16; see vector_math.h for the same
// functions of one number.
#include <immintrin.h>

#include "device/cpu/vector_math.h"

namespace trm::cpu {

// Elements of activations: sixteen, or the first n < 16 with the other lanes 0 (a mask in every turn of a loop would
// cost: stores under a mask are slow).
TRM_INLINE __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
TRM_INLINE __m512 widened(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
TRM_INLINE __m512 load16(const float* p) { return _mm512_loadu_ps(p); }
TRM_INLINE __m512 load16(const uint16_t* p) { return widened(_mm256_loadu_si256((const __m256i*)p)); }
TRM_INLINE __m512 load16(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
TRM_INLINE __m512 load16(const uint16_t* p, int64_t n) { return widened(_mm256_maskz_loadu_epi16(first_lanes(n), p)); }
/// The other lanes as in `rest`.
TRM_INLINE __m512 load16_or(__m512, const float* p) { return _mm512_loadu_ps(p); }
TRM_INLINE __m512 load16_or(__m512 rest, const float* p, int64_t n) {
  return _mm512_mask_loadu_ps(rest, first_lanes(n), p);
}
TRM_INLINE void store16(float* p, __m512 x) { _mm512_storeu_ps(p, x); }
TRM_INLINE void store16(uint16_t* p, __m512 x) { _mm256_storeu_si256((__m256i*)p, (__m256i)_mm512_cvtneps_pbh(x)); }
TRM_INLINE void store16(float* p, __m512 x, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), x); }
TRM_INLINE void store16(uint16_t* p, __m512 x, int64_t n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), (__m256i)_mm512_cvtneps_pbh(x));
}

/// Calls step(i) for i = 0, 16, … while sixteen elements are left, then step(i, count) for what is left of n.
template <class Step>
TRM_INLINE void sixteen_by_sixteen(int64_t n, const Step& step) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) step(i);
  if (i < n) step(i, n - i);
}

/// e^x, relative error below 2e-7; 0 and infinity where it leaves the range of float32
TRM_INLINE __m512 exponential16(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r =
      _mm512_fmadd_ps(n, _mm512_set1_ps(2.12194440e-4f), _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x));
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  for (const float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
  return _mm512_scalef_ps(p, n);
}

/// σ(x), relative error below 3e-7. 1/d by an approximation of 14 bits and one Newton step.
TRM_INLINE __m512 sigmoid16(__m512 x) {
  const __m512 bounded =
      _mm512_max_ps(_mm512_set1_ps(-87.0f), x);  // keeps d finite, and NaN, which max takes from its second argument
  const __m512 d = _mm512_add_ps(_mm512_set1_ps(1.0f), exponential16(_mm512_sub_ps(_mm512_setzero_ps(), bounded)));
  const __m512 guess = _mm512_rcp14_ps(d);
  return _mm512_mul_ps(guess, _mm512_fnmadd_ps(d, guess, _mm512_set1_ps(2.0f)));
}

/// σ(x) for what is rounded to bfloat16, relative error below 7e-5: 2^t = 2^n 2^r with a polynomial of degree 4, 1/d by
/// its approximation.
TRM_INLINE __m512 near_sigmoid16(__m512 x) {
  const __m512 bounded = _mm512_min_ps(_mm512_set1_ps(87.0f), _mm512_max_ps(_mm512_set1_ps(-87.0f), x));
  const __m512 t = _mm512_mul_ps(bounded, _mm512_set1_ps(-1.44269504088896341f));
  const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(t, n);
  __m512 p = _mm512_set1_ps(9.570101699e-3f);
  for (const float c : {5.59178603e-2f, 0.2402474483f, 0.6931218147f, 0.9999992614f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  return _mm512_rcp14_ps(_mm512_add_ps(_mm512_set1_ps(1.0f), _mm512_scalef_ps(p, n)));
}

/// σ(x) as exact as the elements need it.
TRM_INLINE __m512 sigmoid16_for(const float*, __m512 x) { return sigmoid16(x); }
TRM_INLINE __m512 sigmoid16_for(const uint16_t*, __m512 x) { return near_sigmoid16(x); }

}  // namespace trm::cpu
