#include <stdexcept>
#include <string>

#include "model/decoder.h"
#include "model/decoding_engine.h"

namespace trm {
namespace {

class IncrementalDecoder final : public Decoder {
 public:
  IncrementalDecoder(const Model& model, bool compile)
      : Decoder(model.config().seq_len), engine_(model, {.slots = 1, .compile = compile}), session_(engine_.open()) {}

  std::span<const float> feed(std::span<const int32_t> tokens) override {
    const int64_t before = session_->length();
    session_->push(tokens);
    try {
      while (!session_->ready()) engine_.advance();
    } catch (...) {
      session_->drop_waiting();
      if (session_->length() != before) session_->reset();
      throw;
    }
    return session_->logits();
  }

  void reset() override { session_->reset(); }
  int64_t length() const override { return session_->length(); }

 private:
  DecodingEngine engine_;
  std::unique_ptr<Session> session_;
};

}  // namespace

void Decoder::require_room(int64_t tokens) const { trm::require_room(window_, length(), tokens); }

std::unique_ptr<Decoder> make_incremental_decoder(const Model& model, bool compile) {
  return std::make_unique<IncrementalDecoder>(model, compile);
}

}  // namespace trm
