#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// Loops over blocks [rows, n] of an activation type. `stride`: elements between rows of gate, up and their gradients;
/// `h_stride`: of h. An output may be one of the inputs.
struct SwigluLoops {
  /// h = silu(gate) ∘ up
  ByType<void(const void* gate, const void* up, void* h, int64_t rows, int64_t n, int64_t stride, int64_t h_stride)>
      forward;
  /// d_gate = dh ∘ up ∘ σ(g)(1 + g(1 - σ(g))), d_up = dh ∘ silu(g), h = silu(g) ∘ up; dh has rows of n elements
  ByType<void(const void* gate, const void* up, const void* dh, void* d_gate, void* d_up, void* h, int64_t rows,
              int64_t n, int64_t stride, int64_t h_stride)>
      backward;
};

TRM_SIMD_TABLE(SwigluLoops, swiglu_loops)

}  // namespace trm::cpu
