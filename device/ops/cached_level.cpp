#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {
namespace {

constexpr const char* op = "cached_level";

void check_block(const CachedBlock& block, const Tensor& h, int heads, const Shape& cache) {
  const int64_t D = h.size(2), inner = block.o_proj.in(), hidden = block.down_proj.in();
  check::require(op, inner % heads == 0, "the width of o_proj " + describe(block.o_proj.value) + " is no multiple of " + std::to_string(heads) + " heads");
  check::shape(op, "qkv_proj", block.qkv_proj.value, h.dtype(), {3 * inner, D});
  check::shape(op, "o_proj", block.o_proj.value, h.dtype(), {D, inner});
  check::shape(op, "gate_up_proj", block.gate_up_proj.value, h.dtype(), {2 * hidden, D});
  check::shape(op, "down_proj", block.down_proj.value, h.dtype(), {D, hidden});
  check::shape(op, "k_cache", block.k_cache, h.dtype(), cache);
  check::shape(op, "v_cache", block.v_cache, h.dtype(), cache);
}

Tensor sum(const std::vector<Tensor>& inputs) {
  if (inputs.size() == 1) return inputs[0];
  return inputs.size() == 2 ? add(inputs[0], inputs[1]) : add(inputs[0], inputs[1], inputs[2]);
}

/// One row, so that products do not choose their order of summation by its neighbours.
Tensor compose(Tensor h, const std::vector<CachedBlock>& blocks, const RopeTables* tables, const Tensor& slot, const Tensor& position, int heads, float eps) {
  for (const CachedBlock& block : blocks) {
    Tensor qkv = linear(h, block.qkv_proj), keys = block.k_cache, values = block.v_cache;
    if (tables) rope(qkv, *tables, heads, &position);
    const Tensor out = attention_cached(qkv, slot, position, heads, keys, values);
    h = linear_residual_rms_norm(out, block.o_proj, h, eps, nullptr);
    h = swiglu_block(h, block.gate_up_proj, block.down_proj, eps);
  }
  return h;
}

}  // namespace

Tensor cached_level(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const RopeTables* tables, const Tensor& slots,
                    const Tensor& positions, int heads, float eps) {
  check::require(op, !inputs.empty() && inputs.size() <= 3, "one to three inputs are summed");
  check::require(op, !blocks.empty() && heads > 0, "a level has blocks, and they have heads");
  const Tensor& first = inputs[0];
  check::activation(op, "inputs", first, 3);
  for (const Tensor& input : inputs) check::shape(op, "inputs", input, first.dtype(), first.shape());
  check::shape(op, "slots", slots, DType::int32, {first.size(0)});
  check::shape(op, "positions", positions, DType::int32, {first.size(0)});
  check::require(op, blocks[0].k_cache && blocks[0].k_cache.rank() == 3, "caches are [slots, window, width], got " + describe(blocks[0].k_cache));
  const Shape cache{blocks[0].k_cache.size(0), blocks[0].k_cache.size(1), blocks[0].o_proj.in()};
  for (const CachedBlock& block : blocks) check_block(block, first, heads, cache);
  check::require(op, cache[1] >= first.size(1), "the window " + describe(blocks[0].k_cache) + " is smaller than the inputs " + describe(first));
  if (tables) {
    const int64_t half = cache[2] / heads / 2;
    check::shape(op, "cos", tables->cos, DType::float32, {tables->cos.size(0), half});
    check::shape(op, "sin", tables->sin, DType::float32, tables->cos.shape());
    check::require(op, tables->cos.size(0) >= cache[1], "tables " + describe(tables->cos) + " do not cover the window " + describe(blocks[0].k_cache));
  }
  if (kernels::cached_level.native(first.device().kind)) {
    Tensor y = Tensor::empty(first.shape(), first.dtype(), first.device());
    const Tensor *cos = tables ? &tables->cos : nullptr, *sin = tables ? &tables->sin : nullptr;
    if (!kernels::cached_level.why_not(first.device().kind, inputs, blocks, cos, sin, slots, positions, heads, eps, y)) {
      kernels::cached_level(inputs, blocks, cos, sin, slots, positions, heads, eps, y);
      return y;
    }
  }
  const Tensor h = sum(inputs);
  if (h.size(0) == 1) return compose(h, blocks, tables, slots, positions, heads, eps);
  Tensor y = Tensor::empty(h.shape(), h.dtype(), h.device());
  for (int64_t b = 0; b < h.size(0); ++b)
    y.rows(b, 1).copy_from(compose(h.rows(b, 1), blocks, tables, slots.view(b, {1}), positions.view(b, {1}), heads, eps));
  return y;
}

}  // namespace trm::ops
