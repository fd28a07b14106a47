#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace trm {

/// What the user sees of a run: lines on standard output, and how far it is: a bar that is redrawn on a terminal
/// (standard error), else a line every ten seconds.
class Progress {
 public:
  Progress();
  ~Progress();

  /// From here time and steps count: `total` steps, of which `done` were done before (a resumed run).
  void start(int64_t total, int64_t done);

  struct Reading {
    int64_t step = 0;
    double loss = 0, accuracy = 0;  // NaN: not known
    double tokens_per_second = 0;   // 0: not known
  };
  void show(const Reading& reading);
  const Reading& last() const { return last_; }
  /// An evaluation or another stretch without steps: "evaluating 12/40"; "" ends it.
  void activity(const std::string& text);

  /// A line of its own, above the bar.
  void say(const std::string& line);
  /// "warning: …" on standard error.
  void warn(const std::string& line);
  /// "error: …" on standard error, where the run goes on.
  void complain(const std::string& line);
  /// Shows the last reading as a line, and no bar any more.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string text(bool bar) const;
  void draw();
  void clear();

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
