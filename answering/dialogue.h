#pragma once
// What a language model is shown before each answer, within its window.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "answering/prompt.h"
#include "tokenizer/tokenizer.h"

namespace trm {

/// A prompt that cannot be answered: it has no text, or does not fit the window.
struct PromptError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Dialogue {
 public:
  struct Prompt {
    std::vector<int32_t> tokens;  // all that the model sees, from position 0
    std::string note;             // what had to be left out, "" for nothing
  };

  virtual ~Dialogue() = default;
  /// The prompt for the user's next text. Throws PromptError, and the conversation is then as it was.
  virtual Prompt ask(const std::string& text) = 0;
  /// Takes the answer into the conversation: its tokens without the marker that ended it.
  virtual void answered(std::span<const int32_t> tokens) = 0;
  /// Forgets all turns but the system's.
  virtual void reset() = 0;
};

/// With turn markers, a conversation as in training:
/// [<|system|>…<|endsystem|><|sep|>]<|user|>…<|enduser|><|sep|><|assistant|>, and after an answer
/// <|endassistant|><|sep|><|user|>…. Markers inside a turn's text are read as markers, as they are in training. A
/// system and last user turn that do not fit the window are an error; of the earlier turns the oldest are dropped,
/// question and answer together, so that `room` tokens are left for the answer. Without them, text that goes on: each
/// further text follows on a line of its own, and of what does not fit the window the oldest tokens are dropped. An
/// empty `system` is none. Throws PromptError for a system text that the tokenizer has no markers for. The tokenizer
/// must outlive it.
std::unique_ptr<Dialogue> make_dialogue(const Tokenizer& tokenizer, int64_t window, int64_t room,
                                        const std::string& system);

}  // namespace trm
