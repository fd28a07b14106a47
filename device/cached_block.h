#pragma once
#include "device/tensor.h"
#include "device/weight.h"

namespace trm {

/// What one causal block needs for decoding: its weights, and the keys and values of earlier positions.
struct CachedBlock {
  Weight qkv_proj, o_proj;         // [3·heads·head_dim, D], [D, heads·head_dim]
  Weight gate_up_proj, down_proj;  // [2I, D], [D, I]
  Tensor k_cache, v_cache;         // [slots, S, heads·head_dim]
};

}  // namespace trm
