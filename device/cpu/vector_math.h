#pragma once
// Scalar functions that GCC and Clang vectorise inside loops marked `#pragma omp simd`. All have internal linkage, so
// that each instruction set keeps its own (see CMakeLists.txt). bfloat16 is uint16_t here.
#include <stdint.h>
#include <string.h>

#define TRM_INLINE [[maybe_unused]] static inline __attribute__((always_inline))

namespace trm::cpu {

TRM_INLINE uint32_t bits_of(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}
TRM_INLINE float float_of(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

// ---- elements of activations
TRM_INLINE float load(const float* p) { return *p; }
TRM_INLINE float load(const uint16_t* p) { return float_of(static_cast<uint32_t>(*p) << 16); }
TRM_INLINE void store(float* p, float x) { *p = x; }
/// Rounds to nearest even; NaN stays NaN.
TRM_INLINE void store(uint16_t* p, float x) {
  const uint32_t u = bits_of(x);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  *p = static_cast<uint16_t>(x != x ? (u >> 16) | 0x40u : rounded);
}
/// x as it would be read back after a store to a T.
TRM_INLINE float rounded_as(const float*, float x) { return x; }
TRM_INLINE float rounded_as(const uint16_t*, float x) {
  const uint32_t u = bits_of(x);
  return float_of(x != x ? u | 0x400000u : (u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u);
}

/// e^x, relative error below 2e-7 in the normal range; 0 below -87.33, at most 2.4e38 (e^88.37) above; NaN stays NaN.
/// x = n ln 2 + r, |r| ≤ ln 2 / 2, e^r by its minimax polynomial of degree 6 (Cephes expf's).
TRM_INLINE float exponential(float x) {
  constexpr float low = -87.33f, high = 88.37f,
                  magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds to the nearest integer
  float c = x < low ? low : x;
  c = c > high ? high : c;
  const float shifted = c * 1.44269504088896341f + magic;
  const float n = shifted - magic;
  const float r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const float power = float_of((bits_of(shifted) + 127u) << 23);  // the low bits of `shifted` hold n
  return x < low ? 0.0f : p * power;
}

/// σ(x) = 1 / (1 + e^-x)
TRM_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
/// x σ(x)
TRM_INLINE float silu(float x) { return x * sigmoid(x); }

}  // namespace trm::cpu
