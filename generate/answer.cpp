#include "generate/answer.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "generate/stop_strings.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Answerer::Answerer(std::unique_ptr<Decoder> decoder, const Tokenizer& tokenizer, const AnswerOptions& options)
    : decoder_(std::move(decoder)), tokenizer_(tokenizer), options_(options), sampler_(options.sampling, options.seed) {
  for (const char* name : {markers::kEndAssistant, markers::kEndOfText})
    if (const auto id = tokenizer.token_id(name)) ends_.push_back(*id);
}

bool Answerer::ends(int32_t token) const { return std::ranges::find(ends_, token) != ends_.end(); }

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

void Answerer::see(int32_t token) {
  // Markers come back in every turn, and the one that ends the answer must stay as probable as it is.
  if (tokenizer_.is_special(token) || std::ranges::find(seen_, token) != seen_.end()) return;
  seen_.push_back(token);
}

Answer Answerer::answer(std::span<const int32_t> prompt, const Write& write) {
  if (prompt.empty()) throw std::invalid_argument("there is no prompt to answer");
  Answer answer;
  seen_.clear();
  if (options_.sampling.repeat_penalty != 1)
    for (const int32_t token : prompt) see(token);
  StreamDecoder decoder(tokenizer_);
  StopStrings stops(options_.stops);
  const auto emit = [&](const std::string& text) {
    if (text.empty()) return;
    answer.text += text;
    write(text);
  };
  auto start = std::chrono::steady_clock::now();
  std::span<const float> logits = feed_prompt(prompt);
  answer.prompt_seconds = seconds_since(start);
  start = std::chrono::steady_clock::now();
  for (;;) {
    const int32_t token = sampler_.next(logits, seen_);
    ++answer.sampled;
    if (ends(token)) break;
    answer.tokens.push_back(token);
    if (!tokenizer_.is_special(token)) emit(stops.push(decoder.push(token)));
    if (stops.stopped()) {
      answer.end = AnswerEnd::stop;
      break;
    }
    if (answer.sampled >= options_.max_new_tokens) {
      answer.end = AnswerEnd::length;
      break;
    }
    if (decoder_->length() >= decoder_->window()) {
      answer.end = AnswerEnd::window;
      break;
    }
    if (options_.sampling.repeat_penalty != 1) see(token);
    logits = feed(std::span(&token, 1));
  }
  emit(stops.push(decoder.finish()));
  emit(stops.finish());
  if (stops.stopped()) {
    answer.end = AnswerEnd::stop;
    answer.tokens = tokenizer_.encode(answer.text);
  }
  answer.seconds = seconds_since(start);
  return answer;
}

}  // namespace trm
