#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

namespace trm::cpu {

/// Runs work(first, count) over [0, total) in equal chunks of at most `largest`, each thread its own run of chunks. Exceptions reach the caller.
template <class Work>
void parallel_chunks(int64_t total, int64_t largest, const Work& work) {
  if (total == 0) return;
  const int64_t threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const int64_t rounds = (total + largest * threads - 1) / (largest * threads);
  const int64_t chunks = std::min(total, rounds * threads);
  std::exception_ptr failure;
#pragma omp parallel for schedule(static) if (chunks > 1)
  for (int64_t i = 0; i < chunks; ++i) {
    const int64_t first = total * i / chunks, end = total * (i + 1) / chunks;
    try {
      work(first, end - first);
    } catch (...) {
#pragma omp critical(trm_parallel_chunks)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

inline void* offset_by(void* data, int64_t elements, size_t element_bytes) {
  return static_cast<char*>(data) + elements * static_cast<int64_t>(element_bytes);
}
inline const void* offset_by(const void* data, int64_t elements, size_t element_bytes) {
  return static_cast<const char*>(data) + elements * static_cast<int64_t>(element_bytes);
}

}  // namespace trm::cpu
