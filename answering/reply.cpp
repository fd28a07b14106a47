#include "answering/reply.h"

#include <algorithm>
#include <cmath>

#include "tokenizer/markers.h"

namespace trm {

Reply::Reply(const Tokenizer& tokenizer, Sampler& sampler, const AnswerOptions& options,
             std::span<const int32_t> prompt)
    : tokenizer_(tokenizer), sampler_(sampler), options_(options), decoder_(tokenizer), stops_(options.stops) {
  for (const char* name : {markers::kEndAssistant, markers::kEndOfText})
    if (const auto id = tokenizer.token_id(name)) ends_.push_back(*id);
  if (options_.sampling.repeat_penalty != 1)
    for (const int32_t token : prompt) see(token);
}

void Reply::see(int32_t token) {
  // Markers come back in every turn, and the one that ends the answer must stay as probable as it is.
  if (tokenizer_.is_special(token) || std::ranges::find(seen_, token) != seen_.end()) return;
  seen_.push_back(token);
}

void Reply::emit(const std::string& text) {
  text_ += text;
  fresh_ += text;
}

int32_t Reply::draw(std::span<const float> logits) {
  const LogitChanges& changes = options_.changes;
  if (changes.none()) return sampler_.next(logits, seen_);
  std::vector<float> changed(logits.begin(), logits.end());
  const auto add = [&](int32_t token, double value) {
    if (token >= 0 && static_cast<size_t>(token) < changed.size())
      changed[static_cast<size_t>(token)] += static_cast<float>(value);
  };
  for (const auto& [token, count] : counts_)
    add(token, -changes.presence_penalty - changes.frequency_penalty * static_cast<double>(count));
  for (const auto& [token, bias] : changes.bias) add(token, bias);
  return sampler_.next(changed, seen_);
}

void Reply::tell_logprobs(std::span<const float> logits, int32_t token) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double normalizer = largest + std::log(sum);
  TokenLogprob told{token, logits[static_cast<size_t>(token)] - normalizer, {}};
  SamplingOptions most;
  most.top_k = options_.top_logprobs;
  most.top_p = 1;
  if (options_.top_logprobs > 0)
    for (const Candidate& candidate : candidates(logits, {}, most))
      told.top.emplace_back(candidate.token, logits[static_cast<size_t>(candidate.token)] - normalizer);
  logprobs_.push_back(std::move(told));
}

std::optional<int32_t> Reply::finish(AnswerEnd end) {
  end_ = end;
  emit(stops_.push(decoder_.finish()));
  emit(stops_.finish());
  if (stops_.stopped()) {
    end_ = AnswerEnd::stop;
    tokens_ = tokenizer_.encode(text_);
  }
  return std::nullopt;
}

std::optional<int32_t> Reply::next(std::span<const float> logits, int64_t room) {
  // A padded vocabulary has ids that the tokenizer lacks.
  logits = logits.first(std::min(logits.size(), static_cast<size_t>(tokenizer_.vocab_size())));
  const int32_t token = draw(logits);
  ++sampled_;
  if (std::ranges::find(ends_, token) != ends_.end()) return finish(AnswerEnd::marker);
  if (options_.top_logprobs >= 0) tell_logprobs(logits, token);
  tokens_.push_back(token);
  if (!options_.changes.none()) ++counts_[token];
  const bool special = tokenizer_.is_special(token);
  emit(special ? stops_.push(tokenizer_.bytes(token), false) : stops_.push(decoder_.push(token)));
  if (stops_.stopped()) return finish(AnswerEnd::stop);
  if (sampled_ >= options_.max_new_tokens) return finish(AnswerEnd::length);
  if (room < 1) return finish(AnswerEnd::window);
  if (options_.sampling.repeat_penalty != 1) see(token);
  return token;
}

}  // namespace trm
