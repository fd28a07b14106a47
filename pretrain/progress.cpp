#include "pretrain/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "logging/logging.h"
#include "runtime/programs.h"

namespace trm {
namespace {

constexpr auto redraw_interval = std::chrono::milliseconds(100);
constexpr auto line_interval = std::chrono::seconds(10);

std::string number(const char* format, double value) {
  if (!std::isfinite(value)) return "-";
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bar(double share, size_t width) {
  const auto full = static_cast<size_t>(share * static_cast<double>(width));
  std::string text(width + 2, ' ');
  text.front() = '[';
  text.back() = ']';
  std::fill_n(text.begin() + 1, full, '=');
  if (full < width) text[full + 1] = '>';
  return text;
}

/// A terminal that can wipe a line, and a user who wants to see notes.
bool draws_bar() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal && std::string(terminal) != "dumb" && *terminal != '\0' &&
         logging::shows_notes();
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::max(seconds, 0.0)));
  std::array<char, 64> text;
  if (whole >= 3600)
    std::snprintf(text.data(), text.size(), "%lld h %02lld min", whole / 3600, whole % 3600 / 60);
  else if (whole >= 60)
    std::snprintf(text.data(), text.size(), "%lld min %02lld s", whole / 60, whole % 60);
  else
    std::snprintf(text.data(), text.size(), "%lld s", whole);
  return text.data();
}

Progress::Progress() : terminal_(draws_bar()) {
  start(0, 0);
  logging::before_lines([this] {
    const std::lock_guard lock(mutex_);
    clear();
  });
}

Progress::Reading Progress::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void Progress::start(int64_t total, int64_t done) {
  const std::lock_guard lock(mutex_);
  total_ = total;
  first_ = done;
  start_ = Clock::now();
  last_line_ = start_ - line_interval;
}

Progress::~Progress() {
  logging::before_lines(nullptr);
  const std::lock_guard lock(mutex_);
  clear();
}

std::string Progress::text(bool with_bar) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const int64_t done = last_.step - first_;
  std::string text = "step " + with_commas(last_.step) + "/" + with_commas(total_);
  text +=
      "  loss " + number("%.4f", last_.loss) + (with_bar ? "  acc " : "  accuracy ") + number("%.3f", last_.accuracy);
  if (last_.tokens_per_second > 0) text += "  " + with_commas(std::llround(last_.tokens_per_second)) + " tokens/s";
  if (done > 0 && last_.step < total_)
    text += "  ETA " + duration_text(seconds / static_cast<double>(done) * static_cast<double>(total_ - last_.step));
  else if (done > 0)
    text += "  in " + duration_text(seconds);
  if (!activity_.empty()) text += "  " + activity_;
  if (!with_bar) return text;
  const size_t width = terminal_width() - 1;
  if (text.size() + 10 < width) {
    const double share =
        total_ > 0 ? std::clamp(static_cast<double>(last_.step) / static_cast<double>(total_), 0.0, 1.0) : 1.0;
    text = bar(share, std::min<size_t>(30, width - text.size() - 4)) + " " + text;
  }
  return text.substr(0, width);
}

void Progress::draw() {
  last_drawn_ = Clock::now();
  std::cerr << "\r\x1b[K" << text(true) << std::flush;
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::cerr << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

void Progress::show(const Reading& reading) {
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    last_ = reading;
    shown_ = true;
    const auto now = Clock::now();
    if (terminal_) {
      if (now - last_drawn_ >= redraw_interval) draw();
    } else if (now - last_line_ >= line_interval) {
      last_line_ = now;
      line_step_ = last_.step;
      line = text(false);
    }
  }
  if (!line.empty()) logging::note(line);
}

void Progress::activity(const std::string& text) {
  const std::lock_guard lock(mutex_);
  activity_ = text;
  if (terminal_ && (text.empty() || Clock::now() - last_drawn_ >= redraw_interval)) draw();
}

void Progress::finish() {
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    clear();
    if (shown_ && !finished_ && (terminal_ || line_step_ != last_.step)) line = text(false);
    finished_ = true;
  }
  if (!line.empty()) logging::note(line);
}

}  // namespace trm
