#include "model/block.h"

#include <cmath>

namespace trm {
namespace {

Parameter& linear_parameter(ParameterStore& store, Initializer& initializer, const std::string& name, int64_t out, int64_t in, bool token) {
  return store.add(name, {out, in}, token ? ParameterUse::token_product : ParameterUse::product,
                   initializer.truncated_normal(out * in, 1 / std::sqrt(static_cast<double>(in))));
}

}  // namespace

SwigluProjections Block::make_swiglu(const std::string& name, int64_t d, bool token, ParameterStore& store, Initializer& initializer) const {
  const int64_t inter = swiglu_width(expansion_, d);
  SwigluProjections projections;
  projections.gate_up = &linear_parameter(store, initializer, name + ".gate_up_proj.weight", 2 * inter, d, token);
  projections.down = &linear_parameter(store, initializer, name + ".down_proj.weight", d, inter, token);
  return projections;
}

Block::Block(const ModelConfig& c, const std::string& prefix, ParameterStore& store, Initializer& initializer)
    : expansion_(c.expansion), eps_(c.rms_norm_eps) {
  if (c.mlp_t) {
    mlp_t_ = make_swiglu(prefix + ".mlp_t", c.positions(), true, store, initializer);
  } else {
    const int64_t width = static_cast<int64_t>(c.num_heads) * c.head_dim();
    qkv_ = &linear_parameter(store, initializer, prefix + ".self_attn.qkv_proj.weight", 3 * width, c.hidden_size, false);
    o_ = &linear_parameter(store, initializer, prefix + ".self_attn.o_proj.weight", c.hidden_size, width, false);
  }
  mlp_ = make_swiglu(prefix + ".mlp", c.hidden_size, false, store, initializer);
}

Variable Block::forward(const Variable& h, const functions::AttentionContext& context) const {
  const Variable mixed = qkv_ ? functions::attention_block(h, *qkv_, *o_, context, eps_)
                              : functions::swiglu_block(h, *mlp_t_.gate_up, *mlp_t_.down, eps_);
  return functions::swiglu_block(mixed, *mlp_.gate_up, *mlp_.down, eps_);
}

Level::Level(const ModelConfig& config, int layers, const std::string& prefix, ParameterStore& store, Initializer& initializer)
    : eps_(config.rms_norm_eps) {
  for (int i = 0; i < layers; ++i) blocks_.emplace_back(config, prefix + ".layers." + std::to_string(i), store, initializer);
}

Variable Level::forward(const std::vector<Variable>& inputs, const functions::AttentionContext& context) const {
  if (context.cache) {
    std::vector<functions::BlockParameters> blocks;
    for (const Block& block : blocks_) blocks.push_back(block.parameters());
    return functions::cached_level(inputs, blocks, context, eps_);
  }
  Variable h = inputs.at(0);
  if (inputs.size() == 2) h = functions::add(h, inputs[1]);
  if (inputs.size() == 3) h = functions::add(h, inputs[1], inputs[2]);
  for (const Block& block : blocks_) h = block.forward(h, context);
  return h;
}

}  // namespace trm
