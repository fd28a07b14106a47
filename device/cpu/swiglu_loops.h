#pragma once
#include <stdint.h>

#include "device/cpu/by_type.h"
#include "device/cpu/simd.h"

namespace trm::cpu {

/// Loops over n elements of an activation type; addresses may not overlap, but an output may be one of the inputs.
struct SwigluLoops {
  /// h = silu(gate) ∘ up
  ByType<void(const void* gate, const void* up, void* h, int64_t n)> forward;
  /// d_gate = dh ∘ up ∘ σ(g)(1 + g(1 - σ(g))), d_up = dh ∘ silu(g), h = silu(g) ∘ up
  ByType<void(const void* gate, const void* up, const void* dh, void* d_gate, void* d_up, void* h, int64_t n)> backward;
};

TRM_SIMD_TABLE(SwigluLoops, swiglu_loops)

}  // namespace trm::cpu
