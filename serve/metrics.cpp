#include "serve/metrics.h"

#include <cstdio>

namespace trm::serve {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

void head(std::string& out, const char* name, const char* kind, const char* help) {
  out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + kind + "\n";
}

void line(std::string& out, const char* name, const char* kind, const char* help, double value) {
  head(out, name, kind, help);
  out += std::string(name) + " " + number(value) + "\n";
}

void summary(std::string& out, const std::string& name, const char* help, double sum, int64_t count) {
  head(out, name.c_str(), "summary", help);
  out += name + "_sum " + number(sum) + "\n" + name + "_count " + std::to_string(count) + "\n";
}

}  // namespace

void Metrics::request(const std::string& endpoint, int status) {
  const std::lock_guard lock(mutex_);
  ++requests_[{endpoint, status}];
}
void Metrics::tokens(int64_t prompt, int64_t generated) {
  const std::lock_guard lock(mutex_);
  prompt_tokens_ += prompt;
  generated_tokens_ += generated;
}
void Metrics::answer(double seconds_to_first_token, double seconds) {
  const std::lock_guard lock(mutex_);
  ++answers_;
  first_seconds_ += seconds_to_first_token;
  answer_seconds_ += seconds;
}
void Metrics::step(int64_t rows, double seconds) {
  const std::lock_guard lock(mutex_);
  ++steps_;
  rows_ += rows;
  step_seconds_ += seconds;
}

std::string Metrics::text(int64_t slots, int64_t busy, int64_t queued) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  head(out, "trm_requests_total", "counter", "Requests by endpoint and status.");
  for (const auto& [key, count] : requests_)
    out += "trm_requests_total{endpoint=\"" + key.first + "\",status=\"" + std::to_string(key.second) + "\"} " +
           std::to_string(count) + "\n";
  line(out, "trm_prompt_tokens_total", "counter", "Tokens of prompts.", static_cast<double>(prompt_tokens_));
  line(out, "trm_generated_tokens_total", "counter", "Tokens drawn.", static_cast<double>(generated_tokens_));
  line(out, "trm_slots", "gauge", "Texts that are decoded at once, at most.", static_cast<double>(slots));
  line(out, "trm_slots_busy", "gauge", "Texts that are decoded now.", static_cast<double>(busy));
  line(out, "trm_queue_length", "gauge", "Requests that wait for a slot.", static_cast<double>(queued));
  line(out, "trm_steps_total", "counter", "Steps of the model.", static_cast<double>(steps_));
  line(out, "trm_step_rows_total", "counter", "Texts in those steps, summed.", static_cast<double>(rows_));
  line(out, "trm_step_seconds_total", "counter", "Seconds in those steps.", step_seconds_);
  summary(out, "trm_time_to_first_token_seconds", "From the request to its first token.", first_seconds_, answers_);
  summary(out, "trm_answer_seconds", "From the request to the end of its answer.", answer_seconds_, answers_);
  return out;
}

}  // namespace trm::serve
