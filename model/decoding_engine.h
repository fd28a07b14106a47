#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "model/model.h"

namespace trm {

struct EngineOptions {
  int64_t slots = 1;            // texts that are decoded at once
  bool compile = false;         // capture and replay steps where that is possible
  int64_t prefill_chunk = 512;  // most tokens of a prompt that one advance() takes
};

class Session;

/// Throws std::invalid_argument where `more` tokens are none, std::length_error where they do not fit a window that holds
/// `placed`.
void require_room(int64_t window, int64_t placed, int64_t more);

/// Decodes several texts with one causal model. A text has a slot: its state at every depth of the recursion
/// (supervision step, H cycle, L call or H update, layer), which depends on its earlier positions at that depth only,
/// so a new token costs one position. Its logits do not depend on the other texts, bit for bit, nor on when they come
/// and go. To be used by one thread, as are its sessions, which it must outlive.
class DecodingEngine {
 public:
  /// The model must outlive it. Throws std::invalid_argument for a model that sees the future, OutOfMemory.
  DecodingEngine(const Model& model, const EngineOptions& options);
  ~DecodingEngine();

  /// Takes a free slot; null where there is none.
  std::unique_ptr<Session> open();
  int64_t slots() const;
  int64_t free_slots() const;
  int64_t window() const;

  /// Works on the tokens that sessions wait for: one chunk of one prompt, those in turn, then one token of every
  /// session that waits for one, together. Returns false where none waits. What it throws leaves the sessions as they
  /// were: a later call tries again.
  bool advance();

 private:
  friend class Session;

  /// Throws std::invalid_argument for no tokens, std::length_error where `more` tokens do not fit a window that holds
  /// `placed`.
  void require_room(int64_t window, int64_t placed, std::span<const int32_t> more);
  class Work;
  std::unique_ptr<Work> work_;
};

/// One text of an engine. Its slot is free again when it goes.
class Session {
 public:
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Appends tokens, which advance() will place. Throws std::length_error where the window would overflow,
  /// std::invalid_argument where there are none.
  void push(std::span<const int32_t> tokens);
  /// Whether all tokens are placed.
  bool ready() const;
  /// f32 [V]: those that follow the last token, valid until the next advance(). Throws std::logic_error unless the last
  /// advance() made it ready.
  std::span<const float> logits() const;
  /// Tokens placed and waiting.
  int64_t length() const;
  int64_t waiting() const;
  /// Forgets all tokens, or those that wait.
  void reset();
  void drop_waiting();

 private:
  friend class DecodingEngine;
  Session(DecodingEngine::Work& work, int64_t slot);
  DecodingEngine::Work& work_;
  int64_t slot_;
};

}  // namespace trm
