#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/model.h"

namespace trm {

/// Next-token logits of a language model, position by position. Tokens are placed from position 0 as in training, never left-padded.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Appends tokens and returns the logits f32 [V] that follow the last one, valid until the next call. Throws std::length_error when the window would
  /// overflow. Where it throws, its tokens are not there; where some of them were placed already, none is (length() is 0).
  virtual std::span<const float> feed(std::span<const int32_t> tokens) = 0;
  /// Forgets all tokens.
  virtual void reset() = 0;
  virtual int64_t length() const = 0;
  int64_t window() const { return window_; }

 protected:
  explicit Decoder(int64_t window) : window_(window) {}
  /// Throws std::invalid_argument for no tokens, std::length_error where the window would overflow.
  void require_room(int64_t tokens) const;
  int64_t window_;
};

/// Incremental and exact: a DecodingEngine of one slot. One token's work is captured and replayed where `compile` is on and no op falls back to the cpu.
/// Throws std::invalid_argument for a model that is not causal.
std::unique_ptr<Decoder> make_incremental_decoder(const Model& model, bool compile);

/// Computes the whole window again for every token: the reference for the incremental one, and the only way for models that see the future (their
/// window is padded to seq_len as in training).
std::unique_ptr<Decoder> make_window_decoder(const Model& model);

}  // namespace trm
