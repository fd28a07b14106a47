#include "answering/answer.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>

namespace trm {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Answerer::Answerer(std::unique_ptr<Decoder> decoder, const Tokenizer& tokenizer, const AnswerOptions& options)
    : decoder_(std::move(decoder)),
      tokenizer_(tokenizer),
      options_(options),
      sampler_(options.sampling, options.seed) {}

std::span<const float> Answerer::feed(std::span<const int32_t> tokens) {
  try {
    const std::span<const float> logits = decoder_->feed(tokens);
    fed_.insert(fed_.end(), tokens.begin(), tokens.end());
    return logits;
  } catch (...) {
    decoder_->reset();
    fed_.clear();
    throw;
  }
}

std::span<const float> Answerer::feed_prompt(std::span<const int32_t> prompt) {
  const bool continues = fed_.size() < prompt.size() && std::equal(fed_.begin(), fed_.end(), prompt.begin());
  if (!continues) {
    decoder_->reset();
    fed_.clear();
  }
  return feed(prompt.subspan(fed_.size()));
}

Answer Answerer::answer(std::span<const int32_t> prompt, const Write& write) {
  if (prompt.empty()) throw std::invalid_argument("there is no prompt to answer");
  Answer answer;
  Reply reply(tokenizer_, sampler_, options_, prompt);
  const auto emit = [&] {
    if (const std::string text = reply.take_text(); !text.empty()) write(text);
  };
  auto start = std::chrono::steady_clock::now();
  std::span<const float> logits = feed_prompt(prompt);
  answer.prompt_seconds = seconds_since(start);
  start = std::chrono::steady_clock::now();
  while (const std::optional<int32_t> token = reply.next(logits, decoder_->window() - decoder_->length())) {
    emit();
    logits = feed(std::span(&*token, 1));
  }
  emit();
  answer.tokens = reply.tokens();
  answer.text = reply.text();
  answer.end = reply.end();
  answer.sampled = reply.sampled();
  answer.seconds = seconds_since(start);
  return answer;
}

}  // namespace trm
