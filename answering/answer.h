#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answering/reply.h"
#include "model/decoder.h"
#include "tokenizer/tokenizer.h"

namespace trm {

struct Answer {
  std::vector<int32_t> tokens;  // without the marker that ended it, and without a stop string and what follows
  std::string text;
  AnswerEnd end = AnswerEnd::marker;
  int64_t sampled = 0;  // tokens drawn, the ending ones too
  double prompt_seconds = 0, seconds = 0;
};

/// Answers prompts one after another. What a prompt has in common with what the decoder holds is not computed again.
class Answerer {
 public:
  /// The tokenizer must outlive it.
  Answerer(std::unique_ptr<Decoder> decoder, const Tokenizer& tokenizer, const AnswerOptions& options);

  using Write = std::function<void(std::string_view)>;
  /// `prompt`: at least one token, at most the window. Text is written as it is made, whole characters only; special
  /// tokens are not written.
  Answer answer(std::span<const int32_t> prompt, const Write& write);

 private:
  std::span<const float> feed_prompt(std::span<const int32_t> prompt);
  std::span<const float> feed(std::span<const int32_t> tokens);

  std::unique_ptr<Decoder> decoder_;
  const Tokenizer& tokenizer_;
  AnswerOptions options_;
  Sampler sampler_;
  std::vector<int32_t> fed_;
};

}  // namespace trm
