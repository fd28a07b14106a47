#include <algorithm>
#include <cmath>
#include <utility>

#include "device/cpu/adam_loops.h"
#include "device/cpu/gemm.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t elements_at_once = 1 << 14;

template <class F>
void for_each(int64_t n, F&& f) {
#pragma omp parallel for if (n > elements_at_once)
  for (int64_t i = 0; i < n; ++i) f(i);
}

/// One matrix after the other: the products use all threads.
void newton_schulz(const Tensor& offsets, int64_t rows, int64_t columns, NewtonSchulz s, float scale, Tensor& u) {
  const bool tall = rows > columns;
  const int64_t n = rows * columns, k = std::min(rows, columns);
  const auto scratch = [&](int64_t r, int64_t c) { return Tensor::empty({r, c}, DType::float32, cpu_device); };
  const Tensor memory[] = {scratch(rows, columns), scratch(rows, columns), scratch(k, k), scratch(k, k)};
  float *x = memory[0].data<float>(), *next = memory[1].data<float>(), *a = memory[2].data<float>(),
        *b = memory[3].data<float>();
  const auto product = [](int64_t m, int64_t n, int64_t k, const Matrix& left, const Matrix& right, float* out) {
    gemm(m, n, k, left, right, out, DType::float32, n, false);
  };
  const auto plain = [](const float* data, int64_t width) { return row_major(data, DType::float32, width); };
  const auto flipped = [](const float* data, int64_t width) { return transposed(data, DType::float32, width); };
  for (int64_t i = 0; i < offsets.elements(); ++i) {
    float* matrix = u.data<float>() + offsets.data<int64_t>()[i];
    const auto norm = static_cast<float>(std::max(std::sqrt(adam_loops().sum_of_squares(matrix, n)), 1e-7));
    for_each(n, [&](int64_t j) { x[j] = static_cast<float>(bfloat16(matrix[j])) / norm; });
    for (int step = 0; step < s.steps; ++step) {
      if (tall)
        product(k, k, rows, flipped(x, columns), plain(x, columns), a);
      else
        product(k, k, columns, plain(x, columns), flipped(x, columns), a);
      product(k, k, k, plain(a, k), plain(a, k), b);
      for_each(k * k, [&](int64_t j) { b[j] = s.b * a[j] + s.c * b[j]; });
      if (tall)
        product(rows, columns, k, plain(x, columns), plain(b, k), next);
      else
        product(rows, columns, k, plain(b, k), plain(x, columns), next);
      for_each(n, [&](int64_t j) { next[j] += s.a * x[j]; });
      std::swap(x, next);
    }
    for_each(n, [&](int64_t j) { matrix[j] = scale * x[j]; });
  }
}

}  // namespace

const Registration registration([] { kernels::newton_schulz.set(DeviceKind::cpu, newton_schulz); });

}  // namespace trm::cpu
