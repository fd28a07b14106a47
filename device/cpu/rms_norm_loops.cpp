#include "device/cpu/rms_norm_loops.h"

#include <math.h>

#include "device/cpu/vector_math.h"

namespace trm::cpu::TRM_SIMD {
namespace {

template <class T>
void rows(float* sum, const void* residual, int64_t rows, int64_t n, float eps, void* y, float* rstd) {
  for (int64_t r = 0; r < rows; ++r) {
    float* s = sum + r * n;
    const T* x = static_cast<const T*>(residual) + r * n;
    T* out = static_cast<T*>(y) + r * n;
    float square = 0;
#pragma omp simd reduction(+ : square)
    for (int64_t i = 0; i < n; ++i) {
      s[i] += load(x + i);
      square += s[i] * s[i];
    }
    const float scale = 1.0f / sqrtf(square / static_cast<float>(n) + eps);
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, s[i] * scale);
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
    T* to = static_cast<T*>(ds) + r * n;
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < n; ++i) dot += load(d + i) * load(out + i);
    const float mean = dot / static_cast<float>(n), scale = rstd[r];
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(to + i, scale * (load(d + i) - load(out + i) * mean));
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
