#include "device/cpu/rms_norm_loops.h"

#include <math.h>

#include "device/cpu/vector_math.h"
#if defined(__AVX512BF16__)
#include "device/cpu/vector_512.h"
#endif

namespace trm::cpu::TRM_SIMD {
namespace {

#if defined(__AVX512BF16__)
/// s += x; returns Σ s²
template <class T>
TRM_INLINE float add_and_square(float* s, const T* x, int64_t n) {
  __m512 square = _mm512_setzero_ps();
  sixteen_by_sixteen(
      n, [&](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 sum = _mm512_add_ps(load16(s + i, count...), load16(x + i, count...));
        store16(s + i, sum, count...);
        square = _mm512_fmadd_ps(sum, sum, square);
      });
  return _mm512_reduce_add_ps(square);
}

template <class T>
TRM_INLINE void scaled(const float* s, float scale, T* to, int64_t n) {
  const __m512 factor = _mm512_set1_ps(scale);
  sixteen_by_sixteen(
      n, [=](int64_t i, auto... count) __attribute__((always_inline)) {
        store16(to + i, _mm512_mul_ps(load16(s + i, count...), factor), count...);
      });
}

template <class T>
TRM_INLINE float dot_of(const T* x, const T* y, int64_t n) {
  __m512 dot = _mm512_setzero_ps();
  sixteen_by_sixteen(
      n, [&](int64_t i, auto... count) __attribute__((always_inline)) {
        dot = _mm512_fmadd_ps(load16(x + i, count...), load16(y + i, count...), dot);
      });
  return _mm512_reduce_add_ps(dot);
}

/// to = scale (d - out mean)
template <class T>
TRM_INLINE void gradient_row(const T* d, const T* out, float mean, float scale, T* to, int64_t n) {
  const __m512 part = _mm512_set1_ps(mean), factor = _mm512_set1_ps(scale);
  sixteen_by_sixteen(
      n, [=](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 rest = _mm512_fnmadd_ps(load16(out + i, count...), part, load16(d + i, count...));
        store16(to + i, _mm512_mul_ps(rest, factor), count...);
      });
}
#else
template <class T>
TRM_INLINE float add_and_square(float* s, const T* x, int64_t n) {
  float square = 0;
#pragma omp simd reduction(+ : square)
  for (int64_t i = 0; i < n; ++i) {
    s[i] += load(x + i);
    square += s[i] * s[i];
  }
  return square;
}

template <class T>
TRM_INLINE void scaled(const float* s, float scale, T* to, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) store(to + i, s[i] * scale);
}

template <class T>
TRM_INLINE float dot_of(const T* x, const T* y, int64_t n) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < n; ++i) dot += load(x + i) * load(y + i);
  return dot;
}

template <class T>
TRM_INLINE void gradient_row(const T* d, const T* out, float mean, float scale, T* to, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) store(to + i, scale * (load(d + i) - load(out + i) * mean));
}
#endif

template <class T>
void rows(float* sum, const void* residual, int64_t rows, int64_t n, float eps, void* y, float* rstd) {
  for (int64_t r = 0; r < rows; ++r) {
    float* s = sum + r * n;
    const float square = add_and_square(s, static_cast<const T*>(residual) + r * n, n),
                scale = 1.0f / sqrtf(square / static_cast<float>(n) + eps);
    scaled(s, scale, static_cast<T*>(y) + r * n, n);
    if (rstd) rstd[r] = scale;
  }
}

template <class T>
void columns(float* sum, const void* residual, int64_t n, int64_t columns, int64_t stride, float eps, void* y,
             float* rstd) {
  for (int64_t d = 0; d < columns; ++d) rstd[d] = 0;
  for (int64_t i = 0; i < n; ++i) {
    float* s = sum + i * columns;
    const T* x = static_cast<const T*>(residual) + i * stride;
#pragma omp simd
    for (int64_t d = 0; d < columns; ++d) {
      s[d] += load(x + d);
      rstd[d] += s[d] * s[d];
    }
  }
  const float count = static_cast<float>(n);
#pragma omp simd
  for (int64_t d = 0; d < columns; ++d) rstd[d] = 1.0f / sqrtf(rstd[d] / count + eps);
  for (int64_t i = 0; i < n; ++i) {
    const float* s = sum + i * columns;
    T* out = static_cast<T*>(y) + i * stride;
#pragma omp simd
    for (int64_t d = 0; d < columns; ++d) store(out + d, s[d] * rstd[d]);
  }
}

template <class T>
void rows_backward(const void* dy, const void* y, const float* rstd, int64_t rows, int64_t n, void* ds) {
  for (int64_t r = 0; r < rows; ++r) {
    const T *d = static_cast<const T*>(dy) + r * n, *out = static_cast<const T*>(y) + r * n;
    const float mean = dot_of(d, out, n) / static_cast<float>(n);
    gradient_row(d, out, mean, rstd[r], static_cast<T*>(ds) + r * n, n);
  }
}

template <class T>
void columns_backward(const void* dy, const void* y, const float* rstd, int64_t n, int64_t columns, int64_t stride,
                      float* mean, void* ds) {
  const float fraction = 1.0f / static_cast<float>(n);
  for (int64_t c = 0; c < columns; ++c) mean[c] = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T *d = static_cast<const T*>(dy) + i * stride, *out = static_cast<const T*>(y) + i * stride;
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) mean[c] += load(d + c) * load(out + c);
  }
  for (int64_t i = 0; i < n; ++i) {
    const T *d = static_cast<const T*>(dy) + i * stride, *out = static_cast<const T*>(y) + i * stride;
    T* to = static_cast<T*>(ds) + i * stride;
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) store(to + c, rstd[c] * (load(d + c) - load(out + c) * (mean[c] * fraction)));
  }
}

}  // namespace

extern const RmsNormLoops rms_norm_loops{{rows<float>, rows<uint16_t>},
                                         {columns<float>, columns<uint16_t>},
                                         {rows_backward<float>, rows_backward<uint16_t>},
                                         {columns_backward<float>, columns_backward<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
