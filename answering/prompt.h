#pragma once
// Conversations as a model was shown them in training (tokenizer/markers.h).
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace trm {

enum class Speaker : uint8_t { system, user, assistant };

struct Message {
  Speaker speaker;
  std::string text;
};

/// How markers inside a turn's text are read: as in training, or as the text that they are, so that nobody who writes a
/// turn can end it.
enum class MarkersInText : uint8_t { read, text };

/// Whether the tokenizer has the markers of turns, so that its model was made for conversations.
bool has_turn_markers(const Tokenizer& tokenizer);
/// Whether it has those of a system's turn, too.
bool has_system_markers(const Tokenizer& tokenizer);

/// Token ids of a text in which special tokens are read as the text that they are: each is encoded in two parts.
std::vector<int32_t> encode_text(const Tokenizer& tokenizer, std::string_view text);

/// A turn and what stands behind it: its opening marker, the text, its closing marker, `after`.
std::vector<int32_t> turn_tokens(const Tokenizer& tokenizer, const Message& message, const std::string& after,
                                 MarkersInText how);

/// All turns joined by <|sep|>, then <|sep|><|assistant|>: what the next answer follows. No messages: no tokens.
std::vector<int32_t> prompt_of(const Tokenizer& tokenizer, std::span<const Message> messages, MarkersInText how);

}  // namespace trm
