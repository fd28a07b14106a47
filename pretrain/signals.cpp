#include "pretrain/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>

namespace trm {
namespace {

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);

/// All that a signal handler may do.
void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

void note(int signal) {
  int none = 0;
  const int error = errno;
  if (!received.compare_exchange_strong(none, signal)) ::_exit(128 + signal);
  say("\nStopping after this step; a second signal stops at once.\n");
  errno = error;
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  struct sigaction hang_up {};
  if (::sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN)
    ::sigaction(SIGHUP, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

int stop_signal() { return received; }

const char* signal_name(int signal) { return signal == SIGINT ? "SIGINT" : signal == SIGHUP ? "SIGHUP" : "SIGTERM"; }

}  // namespace trm
