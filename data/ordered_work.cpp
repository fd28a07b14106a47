#include "data/ordered_work.h"

#include <algorithm>
#include <cstdlib>

namespace trm {

int worker_threads() {
  const char* said = std::getenv("OMP_NUM_THREADS");
  const int count = said ? std::atoi(said) : 0;
  return std::clamp(count > 0 ? count : static_cast<int>(std::thread::hardware_concurrency()), 1, 256);
}

}  // namespace trm
