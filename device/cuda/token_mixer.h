#pragma once
#include "device/weight.h"

namespace trm::cuda {

/// Null where the token mixer's Hopper kernels serve these, else why not.
const char* token_mixer_serves(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj);

/// What the backward leaves for the weight gradients, of examples b: d_gate_up [b, D, 2I], rows interleaved as in
/// packed.h, and h [b, D, I]. Adds Σ d_gate_upᵀ xᵀ to d_gate_up_proj [2I, N] and Σ ds h to d_down_proj [N, I]; null:
/// not wanted.
void add_token_mixer_weight_gradients(const Tensor& d_gate_up, const Tensor& h, const Tensor& x, const Tensor& ds,
                                      Tensor* d_gate_up_proj, Tensor* d_down_proj);

}  // namespace trm::cuda
