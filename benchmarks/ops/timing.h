#pragma once
#include <functional>

#include "device/device.h"

namespace trm::bench {

struct Timing {
  double milliseconds = 0;  // wall time of a call, the least of the repeats
  double cpu_milliseconds =
      0;  // processor time of the process during a call, the least; on a busy machine the steadier of the two
};

/// Calls `work` until a repeat lasts some 20 ms, `repeats` times over.
Timing measure(const std::function<void()>& work, Device device, int repeats);

}  // namespace trm::bench
