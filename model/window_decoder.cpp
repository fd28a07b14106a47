#include <stdexcept>

#include "autograd/tape.h"
#include "device/arena.h"
#include "model/decoder.h"

namespace trm {
namespace {

class WindowDecoder final : public Decoder {
 public:
  explicit WindowDecoder(const Model& model) : Decoder(model.config().seq_len), model_(model), arena_(std::make_shared<Arena>(model.device())) {}

  std::span<const float> feed(std::span<const int32_t> tokens) override {
    require_room(static_cast<int64_t>(tokens.size()));
    std::vector<int32_t> all = tokens_;
    all.insert(all.end(), tokens.begin(), tokens.end());
    const NoGradient off;
    const ArenaScope scope(arena_);
    const ModelConfig& c = model_.config();
    const Device device = model_.device();
    std::vector<int32_t> window = all;
    if (model_.sees_future()) window.resize(c.seq_len, c.pad_id);
    const int64_t count = static_cast<int64_t>(window.size());
    const Tensor input = Tensor::from(window, {1, count}, device);
    Variable rows;
    if (c.prefix() > 0) rows = Variable(ops::gather_rows(model_.puzzle_table(), Tensor::zeros({1}, DType::int32, device)));
    Tensor positions;
    if (const Parameter* table = model_.positions_table()) positions = table->weight.value.rows(0, c.prefix() + count);
    const Variable x(ops::input_embedding(input, model_.token_table().weight.value, c.prefix() > 0 ? &rows.value() : nullptr,
                                          positions ? &positions : nullptr, c.prefix(), model_.embedding_scale()));
    std::vector<Variable> latents;
    for (const Tensor& z : model_.fresh_latents(1, c.prefix() + count)) latents.emplace_back(z);
    for (int step = 0; step < c.halt_max_steps; ++step) latents = model_.recursion().forward(std::move(latents), x, {});
    const Tensor& z = latents[model_.recursion().output()].value();
    const int64_t D = z.size(2), last = c.prefix() + static_cast<int64_t>(all.size()) - 1;
    logits_ = ops::linear(z.view(last * D, {1, D}), model_.lm_head().weight).to_vector<float>();
    tokens_ = std::move(all);
    return logits_;
  }

  void reset() override { tokens_.clear(); }
  int64_t length() const override { return static_cast<int64_t>(tokens_.size()); }

 private:
  const Model& model_;
  std::shared_ptr<Arena> arena_;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Decoder> make_window_decoder(const Model& model) { return std::make_unique<WindowDecoder>(model); }

}  // namespace trm
