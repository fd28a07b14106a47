// Chooses the attention kernel.
#include "device/cuda/attention.h"

#include <cmath>

#include "device/kernels.h"

namespace trm::cuda {
namespace {

void attention(const Tensor& qkv, int heads, bool causal, Tensor& out, Tensor* lse) {
  if (qkv.elements() == 0) return;
  const AttentionShape shape = attention_shape(qkv, heads, causal);
  if (!attention_short_sm90(shape, qkv, out, lse) && !attention_sm90(shape, qkv, out, lse) &&
      !attention_flash(shape, qkv, out, lse))
    attention_simple(shape, qkv, out, lse);
}

Served backward(const AttentionShape& shape, const Tensor& dout, const Tensor& qkv, const Tensor& out,
                const Tensor& lse, Tensor& dqkv) {
  for (const auto kernel : {attention_backward_short_sm90, attention_backward_sm90, attention_backward_flash})
    if (const Served served = kernel(shape, dout, qkv, out, lse, dqkv); served != Served::no) return served;
  attention_backward_simple(shape, dout, qkv, out, lse, dqkv);
  return Served::yes;
}

void attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads,
                        bool causal, Tensor& dqkv) {
  if (qkv.elements() > 0) backward(attention_shape(qkv, heads, causal), dout, qkv, out, lse, dqkv);
}

void attention_rope_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse,
                             const Tensor& cos, const Tensor& sin, int heads, bool causal, Tensor& dqkv) {
  if (qkv.elements() == 0) return;
  AttentionShape shape = attention_shape(qkv, heads, causal);
  shape.cos = static_cast<const float*>(cos.address());
  shape.sin = static_cast<const float*>(sin.address());
  if (backward(shape, dout, qkv, out, lse, dqkv) != Served::rotated)
    kernels::rope(dqkv, cos, sin, nullptr, heads, true);
}

const char* narrow_enough(const Tensor& qkv, int heads) {
  return qkv.size(-1) / (3 * heads) <= widest_head ? nullptr : "head_dim over 256";
}

const char* serves(const Tensor& qkv, const int& heads, const bool&, const Tensor&, Tensor* const&) {
  return narrow_enough(qkv, heads);
}
const char* serves_backward(const Tensor&, const Tensor& qkv, const Tensor&, const Tensor&, const int& heads,
                            const bool&, const Tensor&) {
  return narrow_enough(qkv, heads);
}
const char* serves_rope_backward(const Tensor&, const Tensor& qkv, const Tensor&, const Tensor&, const Tensor&,
                                 const Tensor&, const int& heads, const bool&, const Tensor&) {
  return narrow_enough(qkv, heads);
}

}  // namespace

AttentionShape attention_shape(const Tensor& qkv, int heads, bool causal) {
  const int head_dim = static_cast<int>(qkv.size(-1) / (3 * heads));
  return {qkv.size(0), qkv.size(1), heads, head_dim, causal, 1 / std::sqrt(static_cast<float>(head_dim))};
}

const Registration registration([] {
  kernels::attention.set(DeviceKind::cuda, attention, serves, "head_dim up to 256");
  kernels::attention_backward.set(DeviceKind::cuda, attention_backward, serves_backward, "head_dim up to 256");
  kernels::attention_rope_backward.set(DeviceKind::cuda, attention_rope_backward, serves_rope_backward,
                                       "head_dim up to 256");
});

}  // namespace trm::cuda
