#include "device/cpu/loss_loops.h"

#include <math.h>

#include "device/cpu/vector_math.h"

namespace trm::cpu::TRM_SIMD {
namespace {

constexpr int64_t block = 1024;  // values summed in float32 before they are added in float64

TRM_INLINE float stable(float x) {
  const float below = 1.0f / (1.0f + (x < 0 ? -x : 0.0f));  // 1 where x ≥ 0
  return x < 0 ? below : x + 1.0f;
}
TRM_INLINE float stable_slope(float x) {
  const float below = 1.0f / (1.0f + (x < 0 ? -x : 0.0f));
  return below * below;
}

template <class T>
TRM_INLINE float largest_of(const T* x, int64_t V) {
  float largest = load(x);
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < V; ++i) largest = load(x + i) > largest ? load(x + i) : largest;
  return largest;
}

/// First place of `value`; 0 where it is nowhere (NaN).
template <class T>
TRM_INLINE int32_t first_of(const T* x, int64_t V, float value) {
  constexpr int64_t step = 256;
  for (int64_t start = 0; start < V; start += step) {
    const int64_t end = start + step < V ? start + step : V;
    int found = 0;
#pragma omp simd reduction(| : found)
    for (int64_t i = start; i < end; ++i) found |= load(x + i) == value;
    if (!found) continue;
    for (int64_t i = start; i < end; ++i)
      if (load(x + i) == value) return static_cast<int32_t>(i);
  }
  return 0;
}

template <class T>
TRM_INLINE double exponential_sum(const T* x, int64_t V, float largest) {
  double total = 0;
  for (int64_t start = 0; start < V; start += block) {
    const int64_t end = start + block < V ? start + block : V;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = start; i < end; ++i) sum += exponential(load(x + i) - largest);
    total += static_cast<double>(sum);
  }
  return total;
}

template <class T>
TRM_INLINE double stable_sum(const T* x, int64_t V) {
  double total = 0;
  for (int64_t start = 0; start < V; start += block) {
    const int64_t end = start + block < V ? start + block : V;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = start; i < end; ++i) sum += stable(load(x + i));
    total += static_cast<double>(sum);
  }
  return total;
}

template <class T>
void loss(const void* logits, int64_t V, int32_t label, bool stablemax, float* loss, int32_t* prediction,
          float* normalizer) {
  const T* x = static_cast<const T*>(logits);
  const float largest = largest_of(x, V);
  *prediction = first_of(x, V, largest);
  double row = 0;
  if (stablemax) {
    const double sum = stable_sum(x, V);
    if (label >= 0) row = log(sum / static_cast<double>(stable(load(x + label))));
    *normalizer = static_cast<float>(sum);
  } else {
    const double lse = static_cast<double>(largest) + log(exponential_sum(x, V, largest));
    if (label >= 0) row = lse - static_cast<double>(load(x + label));
    *normalizer = static_cast<float>(lse);
  }
  *loss = static_cast<float>(row);
}

template <class T>
void gradient(void* logits, int64_t V, int32_t label, bool stablemax, float normalizer, float scale) {
  T* x = static_cast<T*>(logits);
  if (label < 0) {
    memset(x, 0, static_cast<size_t>(V) * sizeof(T));
    return;
  }
  const float right = load(x + label);
  if (stablemax) {
    const float factor = scale / normalizer;
#pragma omp simd
    for (int64_t i = 0; i < V; ++i) store(x + i, factor * stable_slope(load(x + i)));
    store(x + label, scale * stable_slope(right) * (1.0f / normalizer - 1.0f / stable(right)));
  } else {
#pragma omp simd
    for (int64_t i = 0; i < V; ++i) store(x + i, scale * exponential(load(x + i) - normalizer));
    store(x + label, scale * (exponential(right - normalizer) - 1.0f));
  }
}

}  // namespace

extern const LossLoops loss_loops{{loss<float>, loss<uint16_t>}, {gradient<float>, gradient<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
