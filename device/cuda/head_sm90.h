#pragma once
#include "device/cuda/cross_entropy.cuh"
#include "device/weight.h"

namespace trm::cuda {

// A head with softmax on Hopper.

/// The two serve: another GPU, dtype or width of x needs other kernels.
bool softmax_head_sm90(const Tensor& x, const Weight& w);

/// logits [rows, r.ld] = x wᵀ, and of each row loss, prediction and normalizer: the product's epilogue prepares them,
/// so that no pass reads the logits.
void softmax_logits_sm90(const Tensor& x, const Weight& w, const Tensor& logits, const LossRows& r);

/// The logits become gradients (r.normalizer and r.scale are given) on their way into dx = gradients w.
void softmax_gradient_sm90(const Tensor& logits, const Weight& w, const LossRows& r, const Tensor& dx);

}  // namespace trm::cuda
