#pragma once
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>

namespace trm {

/// How far a run is: a bar that is redrawn on a terminal (standard error), else a note every ten seconds. Messages wipe
/// the bar away, from whatever thread they come; where notes are not shown, there is none.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;

  /// From here time and steps count: `total` steps, of which `done` were done before (a resumed run).
  void start(int64_t total, int64_t done);

  struct Reading {
    int64_t step = 0;
    double loss = std::numeric_limits<double>::quiet_NaN(), accuracy = loss;  // NaN: not known
    double tokens_per_second = 0;                                             // 0: not known
  };
  void show(const Reading& reading);
  Reading last() const;
  /// An evaluation or another stretch without steps: "evaluating 12/40"; "" ends it.
  void activity(const std::string& text);

  /// Notes the last reading, and shows no bar any more.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  // All with the mutex held; it is never held while a message is logged, which takes the log's own first.
  std::string text(bool bar) const;
  void draw();
  void clear();

  mutable std::mutex mutex_;
  bool terminal_, drawn_ = false, finished_ = false;
  int64_t total_ = 0, first_ = 0, line_step_ = -1;
  Reading last_;
  bool shown_ = false;
  std::string activity_;
  Clock::time_point start_, last_drawn_, last_line_;
};

/// "1 h 02 min", "3 min 20 s", "12 s"
std::string duration_text(double seconds);

}  // namespace trm
