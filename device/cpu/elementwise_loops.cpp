#include "device/cpu/elementwise_loops.h"

#include "device/cpu/vector_math.h"

namespace trm::cpu::TRM_SIMD {
namespace {

void narrow(const float* from, uint16_t* to, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) store(to + i, from[i]);
}

void widen(const uint16_t* from, float* to, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = load(from + i);
}

template <class T>
void add(const void* a, const void* b, const void* c, void* to, int64_t n) {
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b), *z = static_cast<const T*>(c);
  T* out = static_cast<T*>(to);
  if (z) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, load(x + i) + load(y + i) + load(z + i));
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, load(x + i) + load(y + i));
  }
}

template <class From, class T>
TRM_INLINE void scale_into(const From* x, const T* y, float scale, T* out, int64_t n) {
  if (y) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, scale * (load(x + i) + load(y + i)));
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, scale * load(x + i));
  }
}

template <class T>
void scaled(const void* from, const void* added, float scale, void* to, int64_t n) {
  scale_into(static_cast<const T*>(from), static_cast<const T*>(added), scale, static_cast<T*>(to), n);
}
template <class T>
void scaled_float32(const float* from, const void* added, float scale, void* to, int64_t n) {
  scale_into(from, static_cast<const T*>(added), scale, static_cast<T*>(to), n);
}

template <class T>
void add_scaled(const void* from, float scale, float* to, int64_t n) {
  const T* x = static_cast<const T*>(from);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] += scale * load(x + i);
}

}  // namespace

extern const ElementwiseLoops elementwise_loops{narrow,
                                                widen,
                                                {add<float>, add<uint16_t>},
                                                {scaled<float>, scaled<uint16_t>},
                                                {scaled_float32<float>, scaled_float32<uint16_t>},
                                                {add_scaled<float>, add_scaled<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
