#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "answering/reply.h"
#include "model/decoding_engine.h"
#include "serve/metrics.h"

namespace trm::serve {

/// What is to be answered.
struct Job {
  std::vector<int32_t> prompt;
  AnswerOptions options;
};

/// What an answer has grown by.
struct Piece {
  std::string text;
  std::vector<TokenLogprob> logprobs;
};

/// One job on its way, shared by the model's thread, which adds pieces, and the client's, which takes them.
class Ticket {
 public:
  explicit Ticket(Job job);

  struct Update {
    std::vector<Piece> pieces;
    bool ended = false;
    std::string failure;  // not empty: why there is no whole answer
  };
  /// What is new; waits up to `patience` for something.
  Update wait(std::chrono::milliseconds patience);
  /// Nobody reads the answer any more: its slot is free after the token under way.
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

  // Of an answer that has ended.
  AnswerEnd end() const { return end_; }
  int64_t prompt_tokens() const { return static_cast<int64_t>(job_.prompt.size()); }
  int64_t generated_tokens() const { return sampled_; }

 private:
  friend class Scheduler;
  void add(Piece piece);
  void finish(AnswerEnd end, int64_t sampled);
  void fail(const std::string& why);

  const Job job_;
  const std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  Update fresh_;
  std::atomic<bool> cancelled_{false};
  AnswerEnd end_ = AnswerEnd::marker;
  int64_t sampled_ = 0;
};

struct SchedulerOptions {
  int64_t slots = 8, queue = 64;
  bool compile = false;
};

/// Owns the model: one thread draws the next token of up to `slots` jobs in one batched step; the others wait in turn.
/// Jobs join and leave between tokens, and an answer does not depend on the others.
class Scheduler {
 public:
  /// Model, tokenizer and metrics must outlive it.
  Scheduler(const Model& model, const Tokenizer& tokenizer, const SchedulerOptions& options, Metrics& metrics);
  /// Fails what is still under way.
  ~Scheduler();

  /// Throws ApiError: 400 where the prompt does not fit the window, 429 where the queue is full, 503 while draining.
  std::shared_ptr<Ticket> submit(Job job);
  /// Takes no more jobs.
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }
  /// Cancels all jobs.
  void cancel_all();

  int64_t window() const { return engine_.window(); }
  int64_t slots() const { return options_.slots; }
  int64_t busy() const { return busy_; }
  int64_t queued() const;

 private:
  struct Active;
  void run();
  void admit();
  void step();
  void fail_all(const std::string& why);

  const Tokenizer& tokenizer_;
  const SchedulerOptions options_;
  Metrics& metrics_;
  DecodingEngine engine_;
  std::vector<std::unique_ptr<Active>> active_;  // the model's thread only

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Ticket>> queue_;
  bool stopping_ = false;
  std::atomic<bool> draining_{false}, cancelling_{false};
  std::atomic<int64_t> busy_{0};
  std::thread thread_;
};

}  // namespace trm::serve
