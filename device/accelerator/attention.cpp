#include "device/accelerator/attention.h"

#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void attention(const Tensor& qkv, int heads, bool causal, Tensor& out, Tensor* lse) {
  if (out.elements() == 0) return;
  Context& context = context_of(qkv);
  const AttentionSizes sizes(qkv, heads, causal);
  if (context.cpu || !attention_by_tiles(context, sizes, qkv, out, lse))
    attention_by_products(context, sizes, qkv, out, lse);
}

}  // namespace

const Registration registration([] { set_float32(kernels::attention, attention); });

}  // namespace trm::accelerator
