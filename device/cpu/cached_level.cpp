// Decoding on the cpu: products of few rows read each weight once for all texts. Other lengths are composed.
#include "device/cpu/few_rows.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

Tensor like(const Tensor& x, int64_t width) { return Tensor::empty({x.size(0), width}, x.dtype(), x.device()); }

Tensor sum(const std::vector<Tensor>& inputs) {
  if (inputs.size() == 1) return inputs[0];
  Tensor h = Tensor::empty(inputs[0].shape(), inputs[0].dtype(), inputs[0].device());
  inputs.size() == 2 ? kernels::add(inputs[0], inputs[1], h) : kernels::add3(inputs[0], inputs[1], inputs[2], h);
  return h;
}

void cached_level(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const Tensor* cos,
                  const Tensor* sin, const Tensor& slots, const Tensor& positions, int heads, float eps, Tensor& y) {
  const int64_t B = y.size(0), D = y.size(2);
  Tensor h = sum(inputs).reshape({B, D}), last = y.reshape({B, D});
  for (size_t i = 0; i < blocks.size(); ++i) {
    const CachedBlock& block = blocks[i];
    const int64_t inner = block.o_proj.in();
    Tensor qkv = like(h, 3 * inner), attended = Tensor::empty({B, 1, inner}, h.dtype(), h.device()),
           middle = like(h, D), next = i + 1 == blocks.size() ? last : like(h, D), keys = block.k_cache,
           values = block.v_cache;
    few_rows_linear(h, block.qkv_proj, qkv);
    Tensor new_positions = qkv.reshape({B, 1, 3 * inner});
    if (cos) kernels::rope(new_positions, *cos, *sin, &positions, heads, false);
    kernels::attention_cached(new_positions, slots, positions, heads, keys, values, attended);
    few_rows_linear_residual_rms_norm(attended.reshape({B, inner}), block.o_proj, h, eps, middle, nullptr);
    few_rows_channel_mixer(middle, block.gate_up_proj, block.down_proj, eps, next);
    h = next;
  }
}

const char* serves(const std::vector<Tensor>&, const std::vector<CachedBlock>&, const Tensor* const&,
                   const Tensor* const&, const Tensor&, const Tensor&, const int&, const float&, const Tensor& y) {
  return y.size(1) == 1 ? nullptr : "one new position a row";
}

}  // namespace

const Registration registration([] {
  kernels::cached_level.set(DeviceKind::cpu, cached_level, serves, "one new position a row");
});

}  // namespace trm::cpu
