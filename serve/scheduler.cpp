#include "serve/scheduler.h"

#include <algorithm>
#include <exception>

#include "serve/api_error.h"

namespace trm::serve {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

// ---- tickets

Ticket::Ticket(Job job) : job_(std::move(job)) {}

Ticket::Update Ticket::wait(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return !fresh_.pieces.empty() || fresh_.ended; });
  Update update = std::move(fresh_);
  fresh_ = {.pieces = {}, .ended = update.ended, .failure = update.failure};
  return update;
}

void Ticket::add(Piece piece) {
  const std::lock_guard lock(mutex_);
  fresh_.pieces.push_back(std::move(piece));
  changed_.notify_all();
}

void Ticket::finish(AnswerEnd end, int64_t sampled) {
  const std::lock_guard lock(mutex_);
  end_ = end;
  sampled_ = sampled;
  fresh_.ended = true;
  changed_.notify_all();
}

void Ticket::fail(const std::string& why) {
  const std::lock_guard lock(mutex_);
  fresh_.ended = true;
  fresh_.failure = why;
  changed_.notify_all();
}

// ---- scheduler

struct Scheduler::Active {
  Active(std::shared_ptr<Ticket> asked, std::unique_ptr<Session> opened, const Tokenizer& tokenizer)
      : ticket(std::move(asked)),
        session(std::move(opened)),
        sampler(ticket->job_.options.sampling, ticket->job_.options.seed),
        reply(tokenizer, sampler, ticket->job_.options, ticket->job_.prompt) {
    session->push(ticket->job_.prompt);
  }

  /// Draws a token where the model has made its logits. False where the answer has ended.
  bool draw(int64_t window, Metrics& metrics) {
    if (!session->ready()) return true;
    if (first_token == 0) first_token = seconds_since(ticket->asked_);
    const std::optional<int32_t> token = reply.next(session->logits(), window - session->length());
    Piece piece{reply.take_text(), reply.take_logprobs()};
    if (!piece.text.empty() || !piece.logprobs.empty()) ticket->add(std::move(piece));
    if (token) {
      session->push(std::span(&*token, 1));
      return true;
    }
    metrics.tokens(ticket->prompt_tokens(), reply.sampled());
    metrics.answer(first_token, seconds_since(ticket->asked_));
    ticket->finish(reply.end(), reply.sampled());
    return false;
  }

  std::shared_ptr<Ticket> ticket;
  std::unique_ptr<Session> session;
  Sampler sampler;
  Reply reply;
  double first_token = 0;
};

Scheduler::Scheduler(const Model& model, const Tokenizer& tokenizer, const SchedulerOptions& options, Metrics& metrics)
    : tokenizer_(tokenizer),
      options_(options),
      metrics_(metrics),
      engine_(model, {.slots = options.slots, .compile = options.compile}) {
  thread_ = std::thread([this] { run(); });
}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

std::shared_ptr<Ticket> Scheduler::submit(Job job) {
  if (job.prompt.empty()) throw ApiError(400, "the prompt is empty: give a text to answer", "prompt");
  const auto size = static_cast<int64_t>(job.prompt.size());
  if (size > window())
    throw ApiError(400,
                   "the prompt has " + std::to_string(size) + " tokens, the model's window holds " +
                       std::to_string(window()) + ": shorten it",
                   "messages", "context_length_exceeded");
  auto ticket = std::make_shared<Ticket>(std::move(job));
  const std::lock_guard lock(mutex_);
  if (draining_ || stopping_) throw ApiError(503, "the server is shutting down", "", "shutting_down");
  std::erase_if(queue_, [](const auto& waiting) { return waiting->cancelled(); });
  if (static_cast<int64_t>(queue_.size()) >= options_.queue)
    throw ApiError(429,
                   "all " + std::to_string(options_.slots) + " slots are busy and " + std::to_string(queue_.size()) +
                       " requests wait: try again later",
                   "", "queue_full");
  queue_.push_back(ticket);
  wake_.notify_all();
  return ticket;
}

int64_t Scheduler::queued() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(queue_.size());
}

void Scheduler::cancel_all() {
  cancelling_ = true;
  const std::lock_guard lock(mutex_);
  wake_.notify_all();
}

void Scheduler::fail_all(const std::string& why) {
  for (const auto& active : active_) active->ticket->fail(why);
  active_.clear();
  const std::lock_guard lock(mutex_);
  for (const auto& ticket : queue_) ticket->fail(why);
  queue_.clear();
}

/// Those that waited longest take the free slots.
void Scheduler::admit() {
  const std::lock_guard lock(mutex_);
  while (!queue_.empty() && engine_.free_slots() > 0) {
    std::shared_ptr<Ticket> ticket = std::move(queue_.front());
    queue_.pop_front();
    if (ticket->cancelled()) continue;
    try {
      active_.push_back(std::make_unique<Active>(ticket, engine_.open(), tokenizer_));
    } catch (const std::exception& error) {
      ticket->fail(error.what());
    }
  }
}

void Scheduler::step() {
  const auto start = std::chrono::steady_clock::now();
  engine_.advance();
  int64_t rows = 0;
  for (auto& active : active_) {
    rows += active->session->ready() ? 1 : 0;
    try {
      if (!active->draw(window(), metrics_)) active.reset();
    } catch (const std::exception& error) {
      active->ticket->fail(error.what());
      active.reset();
    }
  }
  std::erase(active_, nullptr);
  metrics_.step(rows, seconds_since(start));
}

void Scheduler::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      busy_ = static_cast<int64_t>(active_.size());
      wake_.wait(lock, [&] { return stopping_ || cancelling_ || !queue_.empty() || !active_.empty(); });
      if (stopping_) break;
    }
    if (cancelling_.exchange(false)) fail_all("the server is shutting down");
    std::erase_if(active_, [](const auto& active) { return active->ticket->cancelled(); });
    admit();
    busy_ = static_cast<int64_t>(active_.size());
    if (active_.empty()) continue;
    try {
      step();
    } catch (const std::exception& error) {
      // What one job does cannot be told from what another does: all that were in the step are told.
      for (const auto& active : active_) active->ticket->fail(error.what());
      active_.clear();
    }
  }
  fail_all("the server is shutting down");
}

}  // namespace trm::serve
