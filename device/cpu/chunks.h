#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

#include "device/tensor.h"

namespace trm::cpu {

/// Rows of activations that a thread takes through all products of an op before the next ones: what lies between stays in its cache.
constexpr int64_t chunk_rows = 64;
/// The same for token products: columns of D. [2I, 128] and [I, 128] stay in the cache.
constexpr int64_t chunk_columns = 128;

/// Runs work(first, count) over [0, total) in about equal chunks of at most `largest`, a multiple of the number of threads of them, each chunk by the
/// next free thread. The chunks depend on total and the number of threads only. Exceptions reach the caller.
template <class Work>
void parallel_chunks(int64_t total, int64_t largest, const Work& work) {
  if (total == 0) return;
  const int64_t threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const int64_t rounds = (total + largest * threads - 1) / (largest * threads);
  const int64_t chunks = std::min(total, rounds * threads);
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) if (chunks > 1)
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

/// Runs work(b, first, count) over columns [first, first + count) of each x[b], x [B, N, D].
template <class Work>
void parallel_token_chunks(const Tensor& x, const Work& work) {
  const int64_t width = x.size(2), parts = (width + chunk_columns - 1) / chunk_columns;
  parallel_chunks(x.size(0) * parts, 1, [&](int64_t i, int64_t) {
    const int64_t first = i % parts * chunk_columns;
    work(i / parts, first, std::min(chunk_columns, width - first));
  });
}

inline void* offset_by(void* data, int64_t elements, size_t element_bytes) {
  return static_cast<char*>(data) + elements * static_cast<int64_t>(element_bytes);
}
inline const void* offset_by(const void* data, int64_t elements, size_t element_bytes) {
  return static_cast<const char*>(data) + elements * static_cast<int64_t>(element_bytes);
}

}  // namespace trm::cpu
