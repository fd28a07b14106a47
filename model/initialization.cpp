#include "model/initialization.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "device/random.h"

namespace trm {
namespace {

/// Inverse of erf: Winitzki's approximation as the start, then Newton steps on erf(x) - u, which converge to double precision.
double inverse_erf(double u) {
  constexpr double a = 0.147;
  const double l = std::log1p(-u * u), t = 2 / (std::numbers::pi * a) + l / 2;
  double x = std::copysign(std::sqrt(std::sqrt(t * t - l / a) - t), u);
  for (int i = 0; i < 3; ++i) x -= (std::erf(x) - u) / (2 * std::numbers::inv_sqrtpi * std::exp(-x * x));
  return x;
}

}  // namespace

std::vector<float> Initializer::truncated_normal(int64_t count, double std) {
  std::vector<float> values(static_cast<size_t>(count));
  const uint64_t stream = stream_++;
  if (std == 0) return values;
  const double limit = std::erf(std::numbers::sqrt2), density = std::exp(-2.0) / std::sqrt(2 * std::numbers::pi);
  const double scale = std / std::sqrt(1 - 4 * density / limit);
  const int64_t quads = (count + 3) / 4;
#pragma omp parallel for schedule(static)
  for (int64_t quad = 0; quad < quads; ++quad) {
    const auto bits = random_numbers(seed_, RandomPurpose::weights, stream, static_cast<uint32_t>(quad));
    for (int64_t i = 4 * quad; i < std::min(4 * quad + 4, count); ++i) {
      const double u = limit * ((static_cast<double>(bits[static_cast<size_t>(i % 4)]) + 0.5) * 0x1p-31 - 1);
      values[static_cast<size_t>(i)] = static_cast<float>(std::clamp(std::numbers::sqrt2 * inverse_erf(u) * scale, -2 * scale, 2 * scale));
    }
  }
  return values;
}

}  // namespace trm
