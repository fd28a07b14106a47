#pragma once
// Products of few rows, as decoding one token needs them: bound by reading the weight, which is read once in its plain
// form by all threads; what follows the product is done in the same parallel region. A row's bits do not depend on the
// others.
#include "device/kernels.h"

namespace trm::cpu {

/// True where these are faster than the products of gemm.h: for one row always, for some more where w is not packed.
inline bool has_few_rows(const Tensor& x, const Weight& w) { return x.size(0) <= (w.packed ? 1 : 8); }

void few_rows_linear(const Tensor& x, const Weight& w, Tensor& y);
void few_rows_linear_swiglu(const Tensor& x, const Weight& gate_up_proj, Tensor& h, Tensor* gate_up);
void few_rows_linear_residual_rms_norm(const Tensor& x, const Weight& w, const Tensor& residual, float eps, Tensor& y,
                                       Tensor* rstd);
void few_rows_channel_mixer(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y);

}  // namespace trm::cpu
