#include "device/cpu/adam_loops.h"

#include <math.h>

#include "device/cpu/vector_math.h"

namespace trm::cpu::TRM_SIMD {
namespace {

/// atan(y / x) for x ≥ 0, 0 where both are 0; error below 2e-7. Arguments beyond tan(π/8) are moved by π/4, Cephes
/// atanf's polynomial.
TRM_INLINE float arc_tangent(float y, float x) {
  const float a = y < 0 ? -y : y, small = a < x ? a : x, large = a < x ? x : a;
  const bool moved = small > 0.41421356f * large;
  const float top = moved ? small - large : small, bottom = moved ? small + large : large;
  const float t = top / (bottom > 0 ? bottom : 1.0f), z = t * t;
  float p = 8.05374449538e-2f;
  p = p * z - 1.38776856032e-1f;
  p = p * z + 1.99777106478e-1f;
  p = p * z - 3.33329491539e-1f;
  float angle = p * z * t + t;
  angle = moved ? angle + 0.78539816339744831f : angle;
  angle = a > x ? 1.57079632679489662f - angle : angle;
  return y < 0 ? -angle : angle;
}

struct AdamW {
  TRM_INLINE float change(const AdamStep& step, float m, float v) {
    return step.rate * (m / (sqrtf(v) / step.root + step.eps));
  }
};
struct AdamAtan2 {
  TRM_INLINE float change(const AdamStep& step, float m, float v) {
    return step.rate * arc_tangent(m, sqrtf(v) / step.root);
  }
};

template <class Rule, bool with_ema, bool with_narrow>
void pass(const AdamStep& given, const float* __restrict g, int64_t n, float* __restrict p, float* __restrict m,
          float* __restrict v, float* __restrict ema, uint16_t* __restrict narrow) {
  const AdamStep step = given;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float x = g[i] * step.clip;
    const float mean = m[i] + (1.0f - step.beta1) * (x - m[i]),
                square = step.beta2 * v[i] + (1.0f - step.beta2) * x * x;
    const float updated = p[i] * step.decay - Rule::change(step, mean, square);
    m[i] = mean;
    v[i] = square;
    p[i] = updated;
    if (with_ema) ema[i] = step.ema_rate * ema[i] + (1.0f - step.ema_rate) * updated;
    if (with_narrow) store(narrow + i, updated);
  }
}

template <class Rule>
void update(const AdamStep& step, const float* g, int64_t n, float* p, float* m, float* v, float* ema,
            uint16_t* narrow) {
  const auto run = ema ? (narrow ? pass<Rule, true, true> : pass<Rule, true, false>)
                       : (narrow ? pass<Rule, false, true> : pass<Rule, false, false>);
  run(step, g, n, p, m, v, ema, narrow);
}

double sum_of_squares(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace

extern const AdamLoops adam_loops{update<AdamW>, update<AdamAtan2>, sum_of_squares};

}  // namespace trm::cpu::TRM_SIMD
