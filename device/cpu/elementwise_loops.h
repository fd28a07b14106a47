#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// Loops over n elements, sums in float32. Outputs may be inputs.
struct ElementwiseLoops {
  void (*narrow)(const float* from, uint16_t* to, int64_t n);  // float32 to bfloat16
  void (*widen)(const uint16_t* from, float* to, int64_t n);
  /// to = a + b (+ c if not null)
  ByType<void(const void* a, const void* b, const void* c, void* to, int64_t n)> add;
  /// to = scale · (from + added), added null: 0; all of the activation type
  ByType<void(const void* from, const void* added, float scale, void* to, int64_t n)> scaled;
  /// The same from float32
  ByType<void(const float* from, const void* added, float scale, void* to, int64_t n)> scaled_float32;
  /// to f32 += scale · from
  ByType<void(const void* from, float scale, float* to, int64_t n)> add_scaled;
};

TRM_SIMD_TABLE(ElementwiseLoops, elementwise_loops)

}  // namespace trm::cpu
