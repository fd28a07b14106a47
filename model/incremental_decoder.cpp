#include <stdexcept>

#include "autograd/tape.h"
#include "model/decoder.h"

namespace trm {
namespace {

class IncrementalDecoder final : public Decoder {
 public:
  IncrementalDecoder(const Model& model, bool compile)
      : Decoder(model.config().seq_len), model_(model), backend_(Backend::of(model.device())), arena_(std::make_shared<Arena>(model.device())),
        // Learned positions are read at an address that changes with the position, so such a step is not captured.
        compile_(compile && !model.positions_table()) {
    const ModelConfig& c = model.config();
    if (!c.causal || c.mlp_t)
      throw std::invalid_argument("incremental decoding needs a causal model: arch.causal is false, so a position's state depends on later ones; use --decode window");
    const int64_t width = static_cast<int64_t>(c.num_heads) * c.head_dim();
    const int depths = c.halt_max_steps * model.recursion().attention_layers();
    const auto cache = [&] { return Tensor::zeros({c.positions(), width}, model.dtype(), model.device()); };
    for (int depth = 0; depth < depths; ++depth) cache_.layers.emplace_back(cache(), cache());
    token_ = Tensor::zeros({1, 1}, DType::int32, model.device());
    position_ = Tensor::zeros({1}, DType::int32, model.device());
    single_ = model.fresh_latents(1, 1);
    logits_ = Tensor::zeros({c.vocab_size}, DType::float32, model.device());
  }

  std::vector<float> feed(std::span<const int32_t> tokens) override {
    if (tokens.empty()) throw std::invalid_argument("the decoder was given no tokens");
    require_room(static_cast<int64_t>(tokens.size()));
    const NoGradient off;
    const ArenaScope scope(arena_);
    const bool first = length_ == 0 && model_.config().prefix() > 0;
    const int32_t position = static_cast<int32_t>(first ? 0 : model_.config().prefix() + length_);
    position_.copy_from_host(&position);
    if (tokens.size() == 1 && !first) {
      token_.copy_from_host(tokens.data());
      one_token();
    } else {
      advance(Tensor::from(tokens, {1, static_cast<int64_t>(tokens.size())}, model_.device()), first);
    }
    length_ += static_cast<int64_t>(tokens.size());
    return logits_.to_vector<float>();
  }

  void reset() override { length_ = 0; }
  int64_t length() const override { return length_; }

 private:
  void one_token() {
    if (graph_) return graph_->replay();
    if (compile_ && warm_) {
      graph_ = backend_.capture([&] { advance(token_, false); });
      return graph_->replay();
    }
    advance(token_, false);
    warm_ = true;
  }

  Tensor embed(const Tensor& tokens, bool with_prefix) const {
    const int64_t prefix = with_prefix ? model_.config().prefix() : 0;
    Tensor positions;
    if (const Parameter* table = model_.positions_table())
      positions = table->weight.value.rows(with_prefix ? 0 : model_.config().prefix() + length_, tokens.size(1) + prefix);
    Tensor rows;
    if (with_prefix) rows = ops::gather_rows(model_.puzzle_table(), Tensor::zeros({1}, DType::int32, model_.device()));
    return ops::input_embedding(tokens, model_.token_table().weight.value, with_prefix ? &rows : nullptr, positions ? &positions : nullptr, prefix,
                                model_.embedding_scale());
  }

  void advance(const Tensor& tokens, bool with_prefix) {
    const Variable x(embed(tokens, with_prefix));
    const int64_t count = x.value().size(1);
    functions::AttentionContext context = model_.attention_context();
    cache_.next = 0;
    context.cache = &cache_;
    context.position = &position_;
    std::vector<Variable> latents;
    for (const Tensor& z : count == 1 ? single_ : model_.fresh_latents(1, count)) latents.emplace_back(z);
    for (int step = 0; step < model_.config().halt_max_steps; ++step) latents = model_.recursion().forward(std::move(latents), x, context);
    const Tensor& z = latents[model_.recursion().output()].value();
    const int64_t D = z.size(2);
    const Tensor logits = ops::linear(z.view((count - 1) * D, {1, D}), model_.lm_head().weight);
    ops::cast_into(logits, logits_);
  }

  const Model& model_;
  Backend& backend_;
  std::shared_ptr<Arena> arena_;
  bool compile_, warm_ = false;
  functions::KeyValueCache cache_;
  Tensor token_, position_, logits_;
  std::vector<Tensor> single_;  // fresh latents of one position, at a stable address
  std::unique_ptr<Graph> graph_;
  int64_t length_ = 0;
};

}  // namespace

void Decoder::require_room(int64_t tokens) const {
  if (length() + tokens > window_)
    throw std::length_error("the window of " + std::to_string(window_) + " tokens is full: " + std::to_string(length()) + " are placed, " + std::to_string(tokens) + " more do not fit");
}

std::unique_ptr<Decoder> make_incremental_decoder(const Model& model, bool compile) { return std::make_unique<IncrementalDecoder>(model, compile); }

}  // namespace trm
