#pragma once
#include "device/weight.h"

namespace trm::cuda {

// The Hopper kernels of the channel SwiGLU. False where they do not serve: another GPU, dtype, shape or a weight that
// was not packed.
bool linear_swiglu_sm90(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up);
bool linear_swiglu_backward_sm90(const Tensor& dy, const Weight& down_proj, const Tensor& gate_up, Tensor& d_gate_up,
                                 Tensor& h);

/// y = rms_norm(residual + x Wᵀ) with the norm in the product's epilogue; likewise.
bool linear_residual_rms_norm_sm90(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                   Tensor* rstd);

}  // namespace trm::cuda
