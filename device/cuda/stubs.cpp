#include "device/cuda/attention.h"
#include "device/cuda/registration.h"
#include "device/cuda/swiglu.h"
namespace trm::cuda {
bool linear_swiglu_sm90(const Tensor&, const Weight&, Tensor&, Tensor*) { return false; }
bool linear_swiglu_backward_sm90(const Tensor&, const Weight&, const Tensor&, Tensor&, Tensor&) { return false; }
bool linear_residual_rms_norm_sm90(const Tensor&, const Weight&, const Tensor&, float, Tensor&, Tensor*) { return false; }
bool attention_flash(const AttentionShape&, const Tensor&, Tensor&, Tensor*) { return false; }
bool attention_backward_flash(const AttentionShape&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, Tensor&) { return false; }
void register_token_mixer() {}
}
