#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

#include "device/tensor.h"

namespace trm::cpu {

/// Runs work(first, count) over [0, total) in `chunks` about equal chunks, each by the next free thread; by the calling
/// thread outside of any parallel region where there is one chunk only. Exceptions reach the caller.
template <class Work>
void parallel_parts(int64_t total, int64_t chunks, const Work& work) {
  if (total == 0) return;
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

/// work(first, count) over [0, total) in chunks of at most `largest`, a multiple of the number of threads of them. The
/// chunks depend on total and the number of threads only.
template <class Work>
void parallel_chunks(int64_t total, int64_t largest, const Work& work) {
  const int64_t threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const int64_t rounds = (total + largest * threads - 1) / (largest * threads);
  parallel_parts(total, std::min(total, rounds * threads), work);
}

/// work(first, count) over rows of activations, in chunks that a thread takes through all products of an op before the
/// next: some 64 rows, so that what lies between the products stays in its cache. The chunks depend on the number of
/// rows and of threads only.
template <class Work>
void parallel_rows(int64_t rows, const Work& work) {
  constexpr int64_t largest = 64, smallest = 16;
  const int64_t threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const int64_t rounds = (rows + largest * threads - 1) / (largest * threads);
  parallel_parts(rows, std::clamp<int64_t>(rounds * threads, 1, std::max<int64_t>(rows / smallest, 1)), work);
}

/// work(i) for each i < count
template <class Work>
void parallel_each(int64_t count, const Work& work) {
  parallel_parts(count, count, [&](int64_t i, int64_t) { work(i); });
}

/// work(b, first, count) over columns [first, first + count) of each x[b], x [B, N, D]: as parallel_rows, for ops over
/// N.
template <class Work>
void parallel_columns(const Tensor& x, const Work& work) {
  constexpr int64_t largest = 128;
  const int64_t width = x.size(2), parts = (width + largest - 1) / largest;
  parallel_each(x.size(0) * parts, [&](int64_t i) {
    const int64_t first = i % parts * largest;
    work(i / parts, first, std::min(largest, width - first));
  });
}

inline void* offset_by(void* data, int64_t elements, size_t element_bytes) {
  return static_cast<char*>(data) + elements * static_cast<int64_t>(element_bytes);
}
inline const void* offset_by(const void* data, int64_t elements, size_t element_bytes) {
  return static_cast<const char*>(data) + elements * static_cast<int64_t>(element_bytes);
}

}  // namespace trm::cpu
