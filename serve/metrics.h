#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace trm::serve {

/// Counts of a server, as Prometheus text. From any thread.
class Metrics {
 public:
  void request(const std::string& endpoint, int status);
  void tokens(int64_t prompt, int64_t generated);
  void answer(double seconds_to_first_token, double seconds);
  void step(int64_t rows, double seconds);
  std::string text(int64_t slots, int64_t busy, int64_t queued) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, int64_t> requests_;
  int64_t prompt_tokens_ = 0, generated_tokens_ = 0, answers_ = 0, steps_ = 0, rows_ = 0;
  double first_seconds_ = 0, answer_seconds_ = 0, step_seconds_ = 0;
};

}  // namespace trm::serve
