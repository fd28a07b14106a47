#include "benchmarks/ops/timing.h"

#include <time.h>

#include <algorithm>

#include "device/backend.h"

namespace trm::bench {
namespace {

double milliseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

}  // namespace

Timing measure(const std::function<void()>& work, Device device, int repeats) {
  Backend& backend = Backend::of(device);
  for (int i = 0; i < 2; ++i) work();
  backend.synchronize();
  const double start = milliseconds(CLOCK_MONOTONIC);
  work();
  backend.synchronize();
  const int calls = std::clamp(static_cast<int>(20.0 / std::max(milliseconds(CLOCK_MONOTONIC) - start, 1e-3)), 1, 2000);
  Timing best{1e30, 1e30};
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double wall = milliseconds(CLOCK_MONOTONIC), cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < calls; ++i) work();
    backend.synchronize();
    best.milliseconds = std::min(best.milliseconds, (milliseconds(CLOCK_MONOTONIC) - wall) / calls);
    best.cpu_milliseconds = std::min(best.cpu_milliseconds, (milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / calls);
  }
  return best;
}

}  // namespace trm::bench
