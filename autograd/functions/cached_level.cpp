#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

Variable cached_level(const std::vector<Variable>& inputs, const std::vector<BlockParameters>& blocks, const AttentionContext& context, float eps) {
  std::vector<Tensor> values;
  for (const Variable& input : inputs) {
    require_no_gradient("cached_level", {&input});
    values.push_back(input.value());
  }
  std::vector<CachedBlock> cached;
  for (const BlockParameters& block : blocks) {
    const auto& [keys, past_values] = context.cache->layers.at(context.cache->next++);
    cached.push_back({block.qkv_proj->weight, block.o_proj->weight, block.gate_up_proj->weight, block.down_proj->weight, keys, past_values});
  }
  return Variable(ops::cached_level(values, cached, context.rope, *context.position, context.heads, eps));
}

}  // namespace trm::functions
