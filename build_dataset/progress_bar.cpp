#include "build_dataset/progress_bar.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

#include "data/ordered_work.h"

namespace trm {
namespace {

class ProgressBar {
 public:
  ~ProgressBar() { clear(); }

  void show(const std::string& what, uint64_t done, uint64_t total) {
    using Clock = std::chrono::steady_clock;
    const auto now = Clock::now();
    if (what != what_) {
      what_ = what;
      started_ = now;
      drawn_ = {};
    }
    if (!terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    char line[160];
    if (total == 0) {
      std::snprintf(line, sizeof line, "%s: %llu", what.c_str(), static_cast<unsigned long long>(done));
    } else {
      constexpr int width = 30;
      const double share = static_cast<double>(done) / static_cast<double>(total);
      const double seconds = std::chrono::duration<double>(now - started_).count();
      const int full = static_cast<int>(share * width),
                left = share > 0 ? static_cast<int>(seconds / share - seconds) : 0;
      const std::string bar =
          std::string(static_cast<size_t>(full), '#') + std::string(static_cast<size_t>(width - full), '.');
      std::snprintf(line, sizeof line, "%s [%s] %llu/%llu, %d:%02d left", what.c_str(), bar.c_str(),
                    static_cast<unsigned long long>(done), static_cast<unsigned long long>(total), left / 60,
                    left % 60);
    }
    std::cerr << "\r\x1b[K" << line << std::flush;
    visible_ = true;
  }

  void clear() {
    if (visible_) std::cerr << "\r\x1b[K" << std::flush;
    visible_ = false;
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1, visible_ = false;
  std::string what_;
  std::chrono::steady_clock::time_point started_, drawn_;
};

}  // namespace

void show_progress(BuildOutput& output) {
  const auto bar = std::make_shared<ProgressBar>();
  output.progress = [bar](const std::string& what, uint64_t done, uint64_t total) { bar->show(what, done, total); };
  output.say = [bar](const std::string& line) {
    bar->clear();
    std::cout << line << '\n';
  };
  output.threads = worker_threads();
}

void timed(const BuildOutput& output, const std::function<void()>& build) {
  const auto start = std::chrono::steady_clock::now();
  build();
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  output.say("Dataset saved to " + output.folder.string() + " in " + seconds + " s");
}

}  // namespace trm
