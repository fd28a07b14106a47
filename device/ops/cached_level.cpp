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

Tensor compose(Tensor h, const std::vector<CachedBlock>& blocks, const RopeTables* tables, const Tensor& position, int heads, float eps) {
  for (const CachedBlock& block : blocks) {
    Tensor qkv = linear(h, block.qkv_proj), keys = block.k_cache, values = block.v_cache;
    if (tables) rope(qkv, *tables, heads, &position);
    const Tensor out = attention_cached(qkv.reshape({qkv.size(1), qkv.size(2)}), position, heads, keys, values);
    h = linear_residual_rms_norm(out.reshape({1, out.size(0), out.size(1)}), block.o_proj, h, eps, nullptr);
    h = swiglu_block(h, block.gate_up_proj, block.down_proj, eps);
  }
  return h;
}

}  // namespace

Tensor cached_level(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const RopeTables* tables, const Tensor& position, int heads,
                    float eps) {
  check::require(op, !inputs.empty() && inputs.size() <= 3, "one to three inputs are summed");
  check::require(op, !blocks.empty() && heads > 0, "a level has blocks, and they have heads");
  const Tensor& first = inputs[0];
  check::activation(op, "inputs", first, 3);
  check::require(op, first.size(0) == 1, "the batch is 1, got inputs " + describe(first));
  for (const Tensor& input : inputs) check::shape(op, "inputs", input, first.dtype(), first.shape());
  check::shape(op, "position", position, DType::int32, {1});
  const Shape cache{blocks[0].k_cache ? blocks[0].k_cache.size(0) : 0, blocks[0].o_proj.in()};
  for (const CachedBlock& block : blocks) check_block(block, first, heads, cache);
  check::require(op, cache[0] >= first.size(1), "the window " + describe(blocks[0].k_cache) + " is smaller than the inputs " + describe(first));
  if (tables) {
    const int64_t half = cache[1] / heads / 2;
    check::shape(op, "cos", tables->cos, DType::float32, {tables->cos.size(0), half});
    check::shape(op, "sin", tables->sin, DType::float32, tables->cos.shape());
    check::require(op, tables->cos.size(0) >= cache[0], "tables " + describe(tables->cos) + " do not cover the window " + describe(blocks[0].k_cache));
  }
  if (kernels::cached_level.native(first.device().kind)) {
    Tensor y = Tensor::empty(first.shape(), first.dtype(), first.device());
    const Tensor *cos = tables ? &tables->cos : nullptr, *sin = tables ? &tables->sin : nullptr;
    if (!kernels::cached_level.why_not(first.device().kind, inputs, blocks, cos, sin, position, heads, eps, y)) {
      kernels::cached_level(inputs, blocks, cos, sin, position, heads, eps, y);
      return y;
    }
  }
  return compose(sum(inputs), blocks, tables, position, heads, eps);
}

}  // namespace trm::ops
