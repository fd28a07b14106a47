#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "answering/sampling.h"
#include "answering/stop_strings.h"
#include "tokenizer/tokenizer.h"

namespace trm {

/// Why an answer ended: a marker of the tokenizer, a stop string, the number of tokens asked for, or a full window.
enum class AnswerEnd : uint8_t { marker, stop, length, window };

/// What is done to logits before all filters, in this order.
struct LogitChanges {
  double presence_penalty = 0, frequency_penalty = 0;  // subtracted from tokens of the answer: once, and each time
  std::map<int32_t, double> bias{};                    // added

  bool none() const { return presence_penalty == 0 && frequency_penalty == 0 && bias.empty(); }
};

struct AnswerOptions {
  SamplingOptions sampling{};
  uint64_t seed = 0;
  int64_t max_new_tokens = 100;
  std::vector<std::string> stops{};  // none is empty
  LogitChanges changes{};
  int64_t top_logprobs = -1;  // how many of the most probable tokens are told beside each drawn one; -1: nothing is
};

/// A drawn token, with its log probability before penalties and filters, and the most probable ones.
struct TokenLogprob {
  int32_t token;
  double logprob;
  std::vector<std::pair<int32_t, double>> top;
};

/// One answer as it is drawn: from logits to tokens and text. Whoever decodes feeds the tokens.
class Reply {
 public:
  /// `prompt`: at least one token. Tokenizer and sampler must outlive it.
  Reply(const Tokenizer& tokenizer, Sampler& sampler, const AnswerOptions& options, std::span<const int32_t> prompt);

  /// Draws a token from the logits that follow all before. The token to feed, or none where the answer has ended.
  /// `room`: tokens that the window still takes. Throws std::runtime_error where logits are not numbers.
  std::optional<int32_t> next(std::span<const float> logits, int64_t room);

  /// Text that became whole since the last call: whole characters, no special tokens, nothing of a stop string.
  std::string take_text() { return std::exchange(fresh_, {}); }
  std::vector<TokenLogprob> take_logprobs() { return std::exchange(logprobs_, {}); }

  AnswerEnd end() const { return end_; }
  /// Tokens drawn, the ending ones too.
  int64_t sampled() const { return sampled_; }
  /// Without the marker that ended it, and without a stop string and what follows.
  const std::vector<int32_t>& tokens() const { return tokens_; }
  const std::string& text() const { return text_; }

 private:
  int32_t draw(std::span<const float> logits);
  void tell_logprobs(std::span<const float> logits, int32_t token);
  void see(int32_t token);
  void emit(const std::string& text);
  std::optional<int32_t> finish(AnswerEnd end);

  const Tokenizer& tokenizer_;
  Sampler& sampler_;
  AnswerOptions options_;
  StreamDecoder decoder_;
  StopStrings stops_;
  std::vector<int32_t> ends_, seen_;  // seen: tokens that the repeat penalty applies to, each once
  std::map<int32_t, int64_t> counts_;
  std::vector<int32_t> tokens_;
  std::vector<TokenLogprob> logprobs_;
  std::string text_, fresh_;
  AnswerEnd end_ = AnswerEnd::marker;
  int64_t sampled_ = 0;
};

}  // namespace trm
