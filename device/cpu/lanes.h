#pragma once
// Sixteen float32 as one value, for loops that compilers do not vectorise well by themselves. GCC's and Clang's vector
// extension: any instruction set will do. For *_loops.cpp only, see CMakeLists.txt.
#include "device/cpu/vector_math.h"

namespace trm::cpu {

typedef float Lanes __attribute__((vector_size(64)));

TRM_INLINE Lanes load_lanes(const float* p) {
  Lanes x;
  memcpy(&x, p, 64);
  return x;
}
/// Thirty-two elements as two vectors: the first and second half of float32, the even and odd ones of bfloat16 (that is
/// cheaper). store_two is the inverse.
TRM_INLINE void load_two(const float* p, Lanes& a, Lanes& b) {
  a = load_lanes(p);
  b = load_lanes(p + 16);
}
TRM_INLINE void load_two(const uint16_t* p, Lanes& a, Lanes& b) {
  typedef uint32_t Bits __attribute__((vector_size(64)));
  Bits pairs;
  memcpy(&pairs, p, 64);
  const Bits even = pairs << 16, odd = pairs & 0xffff0000u;
  memcpy(&a, &even, 64);
  memcpy(&b, &odd, 64);
}
TRM_INLINE void store_two(float* p, Lanes a, Lanes b) {
  memcpy(p, &a, 64);
  memcpy(p + 16, &b, 64);
}
TRM_INLINE void store_two(uint16_t* p, Lanes a, Lanes b) {
  for (int i = 0; i < 16; ++i) {
    store(p + 2 * i, a[i]);
    store(p + 2 * i + 1, b[i]);
  }
}

/// Sums of sixteen vectors: lane i of the result is the sum of the lanes of x[i]. x is overwritten.
TRM_INLINE Lanes sums_of(Lanes* x) {
#define TRM_PAIRS(count, ...)                   \
  for (int i = 0; i < count; ++i) {             \
    const Lanes a = x[2 * i], b = x[2 * i + 1]; \
    x[i] = TRM_HALVES(a, b, __VA_ARGS__);       \
  }
#define TRM_HALVES(a, b, A, B) (TRM_PICK(a, b, A) + TRM_PICK(a, b, B))
#define TRM_PICK(a, b, indices) TRM_PICK_(a, b, TRM_LIST indices)
#define TRM_PICK_(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define TRM_LIST(...) __VA_ARGS__
  TRM_PAIRS(8, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
            (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
  TRM_PAIRS(4, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
            (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
  TRM_PAIRS(2, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
            (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
  TRM_PAIRS(1, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
            (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#undef TRM_PAIRS
#undef TRM_HALVES
#undef TRM_PICK
#undef TRM_PICK_
#undef TRM_LIST
  return x[0];
}

}  // namespace trm::cpu
