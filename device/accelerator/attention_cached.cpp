#include "device/accelerator/attention.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void attention_cached(const Tensor& qkv, const Tensor& slots, const Tensor& positions, int heads, Tensor& k_cache,
                      Tensor& v_cache, Tensor& out) {
  const char* op = "attention_cached";
  const int64_t T = qkv.size(1), rows = qkv.size(0) * T, inner = qkv.size(2) / 3, S = k_cache.size(1),
                head_dim = inner / heads;
  if (qkv.elements() == 0) return;
  Context& context = context_of(qkv);
  const Kernel &append = context.programs->kernel(attention_cached_cl, "append"),
               &attend = context.programs->kernel(attention_cached_cl, "attend_cached");
  launch(context, op, append, over_elements(context, append, rows * inner), qkv, slots, positions, k_cache, v_cache,
         rows, T, inner, S, k_cache.size(0));
  const size_t items = group_items(attend, context.cpu ? 32 : 128);
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  launch(context, op, attend, {{static_cast<size_t>(rows), static_cast<size_t>(heads), 1}, {items, 1, 1}}, qkv, slots,
         positions, k_cache, v_cache, out, T, head_dim, inner, S, k_cache.size(0), scale, LocalFloats{items},
         LocalFloats{items}, LocalFloats{static_cast<size_t>(head_dim)});
}

}  // namespace

const Registration registration([] { set_float32(kernels::attention_cached, attention_cached); });

}  // namespace trm::accelerator
