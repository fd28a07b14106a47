#include "pretrain/trainer.h"

#include <cmath>
#include <csignal>
#include <thread>

#include "data/error.h"
#include "evaluation/evaluate.h"
#include "logging/logging.h"
#include "pretrain/signals.h"
#include "runtime/op_report.h"
#include "runtime/programs.h"
#include "runtime/shared_weights.h"

namespace trm {
namespace {

constexpr int64_t weights_compared_every = 1000;  // steps

}  // namespace

int Trainer::run(const std::string& resume_command) {
  if (steps_ >= target_) {
    logging::note("Nothing is left to do: step " + with_commas(steps_) + " of " + with_commas(target_) + " is reached" +
                  (target_ < planned_ ? " (max_steps)" : "; more epochs continue the run"));
    return 0;
  }
  if (!compile_.on) logging::note("Compile: off (" + compile_.reason + ")");
  progress_.start(target_, steps_);
  bool more = true, stopped = false;
  while (!stopped && more && steps_ < target_) {
    if (evaluation_due()) stopped = !evaluate_now(true);
    if (save_due_ && !stopped) save();
    stopped = stopped || (step_->pending() == 0 && stop_asked());
    if (!stopped) more = train_batch();
  }
  progress_.finish();
  if (!stopped) {
    if (!more)
      logging::note("The data ended after step " + with_commas(steps_) + " of " + with_commas(planned_) + " planned");
    if (evaluation_due())
      stopped = !evaluate_now(true);
    else if (data_.test && evaluations_ >= settings_.min_eval_interval &&
             evaluated_ != std::pair(steps_, step_->pending()))
      stopped = !evaluate_now(false);
  }
  if (!save_at_the_end()) return 1;
  if (!stopped) {
    logging::note("Done: step " + with_commas(steps_) + ". Checkpoints and metrics are in " + plan_.folder.string());
    return 0;
  }
  const auto signal = static_cast<int>(communicator_.agree(stop_signal(), "the signal that stopped it"));
  logging::note(std::string("Stopped by ") + signal_name(signal) + " after step " + with_commas(steps_) +
                (communicator_.alone() ? ". To continue:\n  " : ". To continue, by the same launcher:\n  ") +
                resume_command);
  return communicator_.alone() ? 128 + signal : 0;
}

bool Trainer::stop_asked() { return communicator_.agree_soon(stop_signal(), "whether to stop") != 0; }

bool Trainer::train_batch() {
  const auto start = Clock::now();
  communicator_.at_step(steps_ + 1);
  std::optional<Batch> next = loader_->next();
  if (!next) return false;
  const bool stepped = step_->run(next->inputs, next->labels, next->puzzle_identifiers);
  batch_ = std::move(next);
  seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
  if (!stepped) return true;
  ++steps_;
  if (steps_ % weights_compared_every == 0) require_equal_weights(*model_, communicator_);
  say_compile_choice();
  log_if_due();
  save_due_ = save_due_ || (settings_.checkpoint_interval && steps_ % *settings_.checkpoint_interval == 0);
  return true;
}

void Trainer::say_compile_choice() {
  if (!compile_.on || compile_said_) return;
  compile_said_ = true;
  if (const std::string op = fallen_back_op(device_.kind); !op.empty()) compile_ = compile_rule(device_, op);
  logging::note(std::string("Compile: ") + (compile_.on ? "on" : "off") + " (" + compile_.reason + ")");
}

/// Reading a GPU waits for it. Without log_interval, the first steps are timed, and the interval chosen with at most
/// ten reads a second.
void Trainer::choose_log_interval() {
  constexpr int warm_up = 4, timed = 8;
  if (settings_.log_interval) log_interval_ = *settings_.log_interval;
  if (settings_.log_interval || platform_of(device_.kind).traits().on_host || timed_steps_ > timed) return;
  if (timed_steps_++ < warm_up) return;
  timed_seconds_ += seconds_;
  if (timed_steps_ <= timed) return;
  const double step = timed_seconds_ / (timed - warm_up + 1);
  for (const int interval : {1, 2, 5, 10, 20, 50, 100}) {
    log_interval_ = interval;
    if (interval * step >= 0.1) break;
  }
  log_interval_ = static_cast<int>(communicator_.agree(log_interval_, "the log interval"));
}

void Trainer::log_if_due() {
  choose_log_interval();
  const auto start = Clock::now();
  if (steps_ % log_interval_ != 0 && steps_ != target_) {
    Progress::Reading reading = progress_.last();
    reading.step = steps_;
    return progress_.show(reading);
  }
  const MetricsReading reading = step_->read_metrics();
  const std::vector<float> control = step_->control();
  skipped_ = step_->counters()[Counter::skipped];
  seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
  const double speed = seconds_ > 0 ? reading.tokens / seconds_ : 0;
  seconds_ = 0;

  Metrics metrics = named_metrics("train", reading, model_->config().continue_loss());
  for (const auto& [name, rate] : optimizer_->learning_rates())
    if (name != "puzzle_emb_lr" || model_->puzzle_table()) metrics.emplace_back("train/" + name, rate);
  metrics.emplace_back("train/grad_norm", control[Control::grad_norm]);
  metrics.emplace_back("train/skipped", static_cast<double>(skipped_));
  metrics.emplace_back("train/epoch", static_cast<double>(loader_->cursor().epoch));
  metrics.emplace_back("train/tokens_per_second", speed);
  write_metrics(metrics);
  if (skipped_ > 0 && skipped_ >= 2 * skipped_said_ && skipped_ > skipped_said_) {
    skipped_said_ = skipped_;
    logging::warn("by step " + with_commas(steps_) + ", " + with_commas(skipped_) +
                  (skipped_ == 1 ? " step was" : " steps were") +
                  " skipped, because a gradient was NaN or infinite: weights stay as they are in such a step");
  }
  progress_.show({steps_, reading.lm_loss, reading.accuracy, speed});
}

void Trainer::write_metrics(const Metrics& metrics) {
  if (!log_) return;
  if (const auto problem = log_->write(steps_, metrics)) logging::warn(*problem);
  if (!events_) return;
  if (const auto problem = events_->write(steps_, metrics)) logging::warn(*problem);
}

bool Trainer::evaluation_due() const {
  return settings_.eval_interval &&
         static_cast<int64_t>(loader_->cursor().epoch) / *settings_.eval_interval > evaluations_;
}

bool Trainer::evaluate_now(bool at_interval) {
  const int64_t passed =
      at_interval ? static_cast<int64_t>(loader_->cursor().epoch) / *settings_.eval_interval : evaluations_;
  if (!data_.test || (at_interval && passed <= settings_.min_eval_interval)) {
    evaluations_ = passed;
    evaluated_ = {steps_, step_->pending()};
    return true;
  }
  optimizer_->exchange_with_ema(model_->parameters());
  std::optional<Metrics> result;
  try {
    const auto progress = [&](uint64_t seen, uint64_t examples) {
      progress_.activity("evaluating " + std::to_string(seen) + "/" + std::to_string(examples));
      return !stop_asked();
    };
    const LoaderOptions loader = loader_options();
    const BatchRunner runner = evaluators_->runner(*model_, static_cast<int64_t>(loader.rows_here()));
    result = evaluate(runner, data_.test, loader, evaluators_->all(), {plan_.folder, steps_, communicator_.first()},
                      progress, &communicator_);
    progress_.activity("");
  } catch (...) {
    optimizer_->exchange_with_ema(model_->parameters());
    throw;
  }
  optimizer_->exchange_with_ema(model_->parameters());
  if (!result) return false;
  evaluations_ = passed;
  evaluated_ = {steps_, step_->pending()};
  write_metrics(*result);
  const MetricsReading total = evaluators_->total();
  char text[160];
  std::snprintf(text, sizeof text, ": lm_loss %.4f, accuracy %.4f, exact_accuracy %.4f (%.0f examples%s)",
                std::isnan(total.lm_loss) ? std::fabs(total.lm_loss) : total.lm_loss, total.accuracy,
                total.exact_accuracy, total.rows, settings_.ema ? ", moving average" : "");
  logging::note("Evaluation at step " + with_commas(steps_) + text);
  const double score = settings_.dataset_type == "chat" ? total.lm_loss : total.exact_accuracy;
  const bool best = communicator_.agree(writer_ && writer_->offer(steps_, score), "whether it is the best") != 0;
  if (best || settings_.checkpoint_every_eval) {
    save_due_ = true;
    saved_.reset();
  }
  return true;
}

/// Returns whether it was saved, on all processes alike.
bool Trainer::write_checkpoint() {
  const auto capture = [&] {
    return capture_run(*model_, *optimizer_, *step_, static_cast<uint64_t>(settings_.seed), position());
  };
  if (communicator_.alone()) return writer_->save(capture);
  checkpoint::Checkpoint made = capture();
  const bool failed = writer_ && !writer_->save([&] { return std::move(made); });
  return communicator_.agree(failed, "whether the checkpoint was saved") == 0;
}

bool Trainer::save() {
  save_due_ = false;
  const bool good = write_checkpoint();
  if (good)
    saved_ = {steps_, step_->pending()};
  else if (writer_)
    logging::error(writer_->error() +
                   "; training goes on, and saving is tried again at the next checkpoint and at the end");
  return good;
}

bool Trainer::save_at_the_end() {
  if (!save_due_ && saved_ == std::pair(steps_, step_->pending())) return true;
  if (write_checkpoint()) return true;
  if (writer_) logging::error(writer_->error() + "; trying once more");
  std::this_thread::sleep_for(std::chrono::seconds(1));
  if (write_checkpoint()) return true;
  if (!writer_) return false;
  throw checkpoint::Error(writer_->error() +
                          "; what was trained since the last checkpoint is lost, older checkpoints are as they were");
}

}  // namespace trm
