#include <stdexcept>

#include "autograd/tape.h"
#include "model/decoder.h"

namespace trm {
namespace {

class IncrementalDecoder final : public Decoder {
 public:
  IncrementalDecoder(const Model& model, bool compile)
      : Decoder(model.config().seq_len), model_(model), backend_(Backend::of(model.device())), arena_(std::make_shared<Arena>(model.device())), compile_(compile) {
    const ModelConfig& c = model.config();
    if (model.sees_future())
      throw std::invalid_argument("incremental decoding needs a causal model: arch.causal is false, so a position's state depends on later ones; use --decode window");
    states_ = model.empty_states(1);
    next_ = Tensor::zeros({2}, DType::int32, model.device());
    token_ = next_.view(0, {1, 1});
    position_ = next_.view(1, {1});
    slot_ = Tensor::zeros({1}, DType::int32, model.device());
    single_ = model.fresh_latents(1, 1);
    logits_ = Tensor::zeros({c.vocab_size}, DType::float32, model.device());
    host_next_ = backend_.allocate_host(next_.bytes());
    host_logits_ = backend_.allocate_host(logits_.bytes());
  }

  std::span<const float> feed(std::span<const int32_t> tokens) override {
    if (tokens.empty()) throw std::invalid_argument("the decoder was given no tokens");
    require_room(static_cast<int64_t>(tokens.size()));
    const NoGradient off;
    const ArenaScope scope(arena_);
    const bool first = length_ == 0 && model_.config().prefix() > 0;
    const auto position = static_cast<int32_t>(first ? 0 : model_.config().prefix() + length_);
    if (tokens.size() == 1 && !first) {
      auto* next = static_cast<int32_t*>(host_next_.get());
      next[0] = tokens[0];
      next[1] = position;
      one_token();
    } else {
      position_.copy_from_host(&position);
      advance(Tensor::from(tokens, {1, static_cast<int64_t>(tokens.size())}, model_.device()), first);
      backend_.enqueue_to_host(host_logits_.get(), logits_);
    }
    backend_.synchronize();
    length_ += static_cast<int64_t>(tokens.size());
    return {static_cast<const float*>(host_logits_.get()), static_cast<size_t>(logits_.elements())};
  }

  void reset() override {
    length_ = 0;
    model_.reset(states_);
  }
  int64_t length() const override { return length_; }

 private:
  void one_token() {
    if (graph_) return graph_->replay();
    // All of it at addresses that stay: host memory, token and position, logits.
    const auto work = [&] {
      backend_.enqueue_from_host(next_, host_next_.get());
      advance(token_, false);
      backend_.enqueue_to_host(host_logits_.get(), logits_);
    };
    if (compile_ && warm_) {
      graph_ = backend_.capture(work);
      return graph_->replay();
    }
    work();
    warm_ = true;
  }

  /// Rows of the positions table from *position_ on; one row is looked up like a token.
  Tensor position_rows(const Tensor& table, int64_t first, int64_t count) const {
    if (count > 1) return table.rows(first, count);
    return ops::input_embedding(position_.reshape({1, 1}), table, nullptr, nullptr, 0, 1).reshape({1, table.size(1)});
  }

  Tensor embed(const Tensor& tokens, bool with_prefix) const {
    const int64_t prefix = with_prefix ? model_.config().prefix() : 0;
    Tensor positions;
    if (const Parameter* table = model_.positions_table())
      positions = position_rows(table->weight.value, with_prefix ? 0 : model_.config().prefix() + length_, tokens.size(1) + prefix);
    Tensor rows;
    if (with_prefix) rows = ops::gather_rows(model_.puzzle_table(), Tensor::zeros({1}, DType::int32, model_.device()));
    return ops::input_embedding(tokens, model_.token_table().weight.value, with_prefix ? &rows : nullptr, positions ? &positions : nullptr, prefix,
                                model_.embedding_scale());
  }

  void advance(const Tensor& tokens, bool with_prefix) {
    const Variable x(embed(tokens, with_prefix));
    const int64_t count = x.value().size(1);
    states_.rewind();
    const Pass pass{&states_, &slot_, &position_};
    std::vector<Variable> latents;
    for (const Tensor& z : count == 1 ? single_ : model_.fresh_latents(1, count)) latents.emplace_back(z);
    for (int step = 0; step < model_.config().halt_max_steps; ++step) latents = model_.recursion().forward(std::move(latents), x, pass);
    const Tensor& z = latents[model_.recursion().output()].value();
    const int64_t D = z.size(2);
    const Tensor logits = ops::linear(z.view((count - 1) * D, {1, D}), model_.lm_head().weight);
    ops::cast_into(logits, logits_);
  }

  const Model& model_;
  Backend& backend_;
  std::shared_ptr<Arena> arena_;
  bool compile_, warm_ = false;
  DepthStates states_;
  Tensor next_, token_, position_, slot_, logits_;    // i32: the token and its position, views of next_; the only slot, 0
  std::shared_ptr<void> host_next_, host_logits_;
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
