#include "device/accelerator/attention.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads,
                        bool causal, Tensor& dqkv) {
  if (out.elements() == 0) return;
  Context& context = context_of(qkv);
  const AttentionSizes sizes(qkv, heads, causal);
  if (context.cpu || !attention_backward_by_tiles(context, sizes, dout, qkv, out, lse, dqkv))
    attention_backward_by_products(context, sizes, dout, qkv, out, lse, dqkv);
}

}  // namespace

const Registration registration([] { set_float32(kernels::attention_backward, attention_backward); });

}  // namespace trm::accelerator
