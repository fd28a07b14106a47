#include "device/ops.h"
#include "model/mixers/mixers.h"

namespace trm::mixers {
namespace {

/// Multi-head self-attention, rotary where arch.pos_encodings says so. Its state: keys and values [slots, positions,
/// heads·head_dim].
class Attention final : public Mixer {
 public:
  Attention(const std::string& prefix, Construction& c)
      : eps_(static_cast<float>(c.config.rms_norm_eps)),
        width_(int64_t{c.config.num_heads} * c.config.head_dim()),
        positions_(c.config.positions()),
        settings_{c.config.num_heads, c.config.causal},
        qkv_(linear_parameter(c, prefix + ".self_attn.qkv_proj.weight", 3 * width_, c.config.hidden_size)),
        o_(linear_parameter(c, prefix + ".self_attn.o_proj.weight", c.config.hidden_size, width_)),
        dtype_(c.store.compute_dtype()),
        device_(c.store.device()) {
    qkv_.row_blocks = 3 * c.config.num_heads;
    if (c.config.pos_encodings != PositionEncoding::rope) return;
    if (!c.rope)
      c.rope = std::make_shared<const ops::RopeTables>(
          ops::make_rope_tables(positions_, c.config.head_dim(), c.config.rope_theta, device_));
    rope_ = c.rope;
    settings_.rope = rope_.get();
  }

  bool sees_future() const override { return !settings_.causal; }

  Variable forward(const Variable& h) const override {
    return functions::attention_block(h, qkv_, o_, settings_, eps_);
  }

  DepthState empty_state(int64_t slots) const override {
    if (sees_future()) return Mixer::empty_state(slots);
    const auto cache = [&] { return Tensor::zeros({slots, positions_, width_}, dtype_, device_); };
    return {{cache(), cache()}};
  }

  /// What positions to come have left there is overwritten before it is read.
  void reset(DepthState&) const override {}

  Tensor prefill(const Tensor& h, DepthState& state, const Pass& pass) const override {
    Tensor qkv = ops::linear(h, qkv_.weight);
    if (settings_.rope) ops::rope(qkv, *settings_.rope, settings_.heads, pass.positions);
    const Tensor out = ops::attention_cached(qkv, *pass.slots, *pass.positions, settings_.heads, state.tensors.at(0),
                                             state.tensors.at(1));
    return ops::linear_residual_rms_norm(out, o_.weight, h, eps_, nullptr);
  }

  Tensor step_level(const std::vector<Tensor>& inputs, std::span<const BlockStep> blocks,
                    const Pass& pass) const override {
    std::vector<CachedBlock> cached;
    for (const BlockStep& block : blocks) {
      const auto& mixer = dynamic_cast<const Attention&>(*block.mixer);
      cached.push_back({mixer.qkv_.weight, mixer.o_.weight, block.gate_up_proj->weight, block.down_proj->weight,
                        block.state->tensors.at(0), block.state->tensors.at(1)});
    }
    return ops::cached_level(inputs, cached, settings_.rope, *pass.slots, *pass.positions, settings_.heads, eps_);
  }

 private:
  float eps_;
  int64_t width_, positions_;
  functions::AttentionSettings settings_;
  Parameter &qkv_, &o_;
  DType dtype_;
  Device device_;
  std::shared_ptr<const ops::RopeTables> rope_;
};

}  // namespace

Kind attention() {
  return {[](const std::string& prefix, Construction& c) -> std::unique_ptr<Mixer> {
            return std::make_unique<Attention>(prefix, c);
          },
          [](const ModelConfig& c) { return 4 * int64_t{c.num_heads} * c.head_dim() * c.hidden_size; }};
}

}  // namespace trm::mixers
