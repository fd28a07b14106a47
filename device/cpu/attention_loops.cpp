#include "device/cpu/attention_loops.h"

#include <math.h>

#include "device/cpu/lanes.h"
#include "device/cpu/vector_math.h"
#if defined(__AVX512BF16__)
#include "device/cpu/vector_512.h"
#endif

namespace trm::cpu::TRM_SIMD {
namespace {

TRM_INLINE int64_t seen(int64_t r, int64_t columns, int64_t visible, bool causal) {
  return causal && visible + r < columns ? visible + r : columns;
}

/// Largest of n values.
TRM_INLINE float largest_of(const float* x, int64_t n) {
  float largest = -INFINITY;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

/// x becomes e^(scale (x - largest)); returns the sum.
TRM_INLINE float exponentials(float* x, int64_t n, float scale, float largest) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    x[i] = exponential((x[i] - largest) * scale);
    sum += x[i];
  }
  return sum;
}

#if defined(__AVX512BF16__)
/// s becomes e^(scale (s - largest)), p that over its sum. Returns log Σ e^(scale s).
template <class T>
TRM_INLINE float softmax_row(float* s, int64_t n, float scale, T* p) {
  const __m512 none = _mm512_set1_ps(-INFINITY);
  __m512 top = none, sum = _mm512_setzero_ps();
  sixteen_by_sixteen(
      n, [&](int64_t i, auto... count)
             __attribute__((always_inline)) { top = _mm512_max_ps(top, load16_or(none, s + i, count...)); });
  const float largest = _mm512_reduce_max_ps(top);
  const __m512 factor = _mm512_set1_ps(scale), highest = _mm512_set1_ps(largest);
  sixteen_by_sixteen(
      n, [&](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 e = exponential16(_mm512_mul_ps(_mm512_sub_ps(load16_or(none, s + i, count...), highest), factor));
        store16(s + i, e, count...);
        sum = _mm512_add_ps(sum, e);
      });
  const float total = _mm512_reduce_add_ps(sum);
  const __m512 part = _mm512_set1_ps(1.0f / total);
  sixteen_by_sixteen(
      n, [&](int64_t i, auto... count) __attribute__((always_inline)) {
        store16(p + i, _mm512_mul_ps(load16(s + i, count...), part), count...);
      });
  return scale * largest + logf(total);
}

/// n rows that see one key.
template <class T>
TRM_INLINE void softmax_backward_column(const float* s, const float* d, int64_t n, float scale, const float* lse,
                                        const float* delta, T* p, T* ds) {
  const __m512 factor = _mm512_set1_ps(scale);
  sixteen_by_sixteen(
      n, [=](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 weight =
                         exponential16(_mm512_fmsub_ps(load16(s + i, count...), factor, load16(lse + i, count...))),
                     g = _mm512_mul_ps(_mm512_mul_ps(weight, factor),
                                       _mm512_sub_ps(load16(d + i, count...), load16(delta + i, count...)));
        store16(p + i, weight, count...);
        store16(ds + i, g, count...);
      });
}
#else
template <class T>
TRM_INLINE float softmax_row(float* s, int64_t n, float scale, T* p) {
  const float largest = largest_of(s, n), sum = exponentials(s, n, scale, largest), factor = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) store(p + i, s[i] * factor);
  return scale * largest + logf(sum);
}

template <class T>
TRM_INLINE void softmax_backward_column(const float* s, const float* d, int64_t n, float scale, const float* lse,
                                        const float* delta, T* p, T* ds) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float weight = exponential(scale * s[i] - lse[i]), g = scale * weight * (d[i] - delta[i]);
    store(p + i, weight);
    store(ds + i, g);
  }
}
#endif

template <class T>
void softmax(float* scores, int64_t rows, int64_t columns, int64_t visible, bool causal, float scale, void* p,
             float* lse) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t n = seen(r, columns, visible, causal);
    T* to = static_cast<T*>(p) + r * columns;
    const float log_sum = softmax_row(scores + r * columns, n, scale, to);
    for (int64_t i = n; i < columns; ++i) store(to + i, 0.0f);
    if (lse) lse[r] = log_sum;
  }
}

template <class T>
void softmax_backward(const float* scores, const float* dp, int64_t rows, int64_t columns, int64_t visible, bool causal,
                      float scale, const float* lse, const float* delta, void* p, void* ds) {
  for (int64_t j = 0; j < columns; ++j) {
    const int64_t first = causal && j >= visible ? j - visible + 1 : 0;  // the first row that sees key j
    T *weights = static_cast<T*>(p) + j * rows, *gradient = static_cast<T*>(ds) + j * rows;
    for (int64_t r = 0; r < first; ++r) {
      store(weights + r, 0.0f);
      store(gradient + r, 0.0f);
    }
    const int64_t at = j * rows + first;
    softmax_backward_column(scores + at, dp + at, rows - first, scale, lse + first, delta + first, weights + first,
                            gradient + first);
  }
}

template <class T>
void row_dots(const void* a, const void* b, int64_t rows, int64_t stride, int64_t head_dim, float* delta) {
  for (int64_t r = 0; r < rows; ++r) {
    const T *x = static_cast<const T*>(a) + r * stride, *y = static_cast<const T*>(b) + r * stride;
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t d = 0; d < head_dim; ++d) dot += load(x + d) * load(y + d);
    delta[r] = dot;
  }
}

template <class T>
void store_rows(const float* from, int64_t rows, int64_t head_dim, void* to, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = static_cast<T*>(to) + r * stride;
#pragma omp simd
    for (int64_t d = 0; d < head_dim; ++d) store(row + d, from[r * head_dim + d]);
  }
}

#if defined(__AVX512BF16__)
template <class T>
TRM_INLINE void rotate_pairs(T* low, T* high, int64_t half, const float* cos, const float* sin, float sine_sign) {
  const __m512 sign = _mm512_set1_ps(sine_sign);
  sixteen_by_sixteen(
      half, [=](int64_t i, auto... count) __attribute__((always_inline)) {
        const __m512 x = load16(low + i, count...), y = load16(high + i, count...), cosine = load16(cos + i, count...),
                     sine = _mm512_mul_ps(sign, load16(sin + i, count...));
        store16(low + i, _mm512_fmsub_ps(x, cosine, _mm512_mul_ps(y, sine)), count...);
        store16(high + i, _mm512_fmadd_ps(y, cosine, _mm512_mul_ps(x, sine)), count...);
      });
}
#else
template <class T>
TRM_INLINE void rotate_pairs(T* low, T* high, int64_t half, const float* cos, const float* sin, float sine_sign) {
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const float x = load(low + i), y = load(high + i), sine = sine_sign * sin[i];
    store(low + i, x * cos[i] - y * sine);
    store(high + i, y * cos[i] + x * sine);
  }
}
#endif

template <class T>
void rotate(void* row, int64_t heads, int64_t head_dim, const float* cos, const float* sin, float sine_sign) {
  const int64_t half = head_dim / 2;
  for (int64_t head = 0; head < heads; ++head) {
    T *low = static_cast<T*>(row) + head * head_dim, *high = low + half;
    rotate_pairs(low, high, half, cos, sin, sine_sign);
  }
}

/// Scores of all positions for a head_dim of 32 · count: sixteen keys at a time.
template <class T, int count>
void key_scores(const T* query, const T* keys, int64_t positions, int64_t stride, float* scores) {
  Lanes q[2 * count];
  for (int c = 0; c < count; ++c) load_two(query + 32 * c, q[2 * c], q[2 * c + 1]);
  for (int64_t first = 0; first < positions; first += 16) {
    const int64_t there = positions - first < 16 ? positions - first : 16;
    Lanes dots[16];
    for (int64_t i = 0; i < 16; ++i) {
      const T* key = keys + (first + (i < there ? i : there - 1)) * stride;
      Lanes a, b, dot = {};
      for (int c = 0; c < count; ++c) {
        load_two(key + 32 * c, a, b);
        dot += q[2 * c] * a;
        dot += q[2 * c + 1] * b;
      }
      dots[i] = dot;
    }
    const Lanes all = sums_of(dots);
    memcpy(scores + first, &all, static_cast<size_t>(there) * sizeof(float));
  }
}

/// out = factor · Σ_j weights[j] values[j]
template <class T, int count>
void weighted_values(const T* values, const float* weights, int64_t positions, int64_t stride, float factor, T* out) {
  constexpr int chains = 4 / count;  // sums side by side, to hide the latency of an addition
  Lanes sums[chains][2 * count] = {}, a, b;
  const auto add = [&](Lanes * sum, int64_t j) __attribute__((always_inline)) {
    for (int c = 0; c < count; ++c) {
      load_two(values + j * stride + 32 * c, a, b);
      sum[2 * c] += weights[j] * a;
      sum[2 * c + 1] += weights[j] * b;
    }
  };
  int64_t j = 0;
  for (; j + chains <= positions; j += chains)
    for (int i = 0; i < chains; ++i) add(sums[i], j + i);
  for (; j < positions; ++j) add(sums[0], j);
  for (int i = 1; i < chains; ++i)
    for (int c = 0; c < 2 * count; ++c) sums[0][c] += sums[i][c];
  for (int c = 0; c < count; ++c) store_two(out + 32 * c, sums[0][2 * c] * factor, sums[0][2 * c + 1] * factor);
}

template <class T>
void any_key_scores(const T* query, const T* keys, int64_t positions, int64_t stride, int64_t head_dim, float* wide,
                    float* scores) {
  for (int64_t d = 0; d < head_dim; ++d) wide[d] = load(query + d);
  for (int64_t j = 0; j < positions; ++j) {
    const T* key = keys + j * stride;
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t d = 0; d < head_dim; ++d) dot += wide[d] * load(key + d);
    scores[j] = dot;
  }
}

template <class T>
void any_weighted_values(const T* values, const float* weights, int64_t positions, int64_t stride, int64_t head_dim,
                         float factor, float* sum, T* out) {
  for (int64_t d = 0; d < head_dim; ++d) sum[d] = 0;
  for (int64_t j = 0; j < positions; ++j) {
    const T* value = values + j * stride;
    const float weight = weights[j];
#pragma omp simd
    for (int64_t d = 0; d < head_dim; ++d) sum[d] += weight * load(value + d);
  }
  for (int64_t d = 0; d < head_dim; ++d) store(out + d, sum[d] * factor);
}

template <class T>
void query(const void* q, const void* k, const void* v, int64_t positions, int64_t stride, int64_t head_dim,
           float scale, float* scores, float* sum, void* out) {
  const T *query = static_cast<const T*>(q), *keys = static_cast<const T*>(k), *values = static_cast<const T*>(v);
  T* to = static_cast<T*>(out);
  if (head_dim == 32)
    key_scores<T, 1>(query, keys, positions, stride, scores);
  else if (head_dim == 64)
    key_scores<T, 2>(query, keys, positions, stride, scores);
  else
    any_key_scores(query, keys, positions, stride, head_dim, sum, scores);
  const float factor = 1.0f / exponentials(scores, positions, scale, largest_of(scores, positions));
  if (head_dim == 32)
    weighted_values<T, 1>(values, scores, positions, stride, factor, to);
  else if (head_dim == 64)
    weighted_values<T, 2>(values, scores, positions, stride, factor, to);
  else
    any_weighted_values(values, scores, positions, stride, head_dim, factor, sum, to);
}

}  // namespace

extern const AttentionLoops attention_loops{
    {softmax<float>, softmax<uint16_t>},   {softmax_backward<float>, softmax_backward<uint16_t>},
    {row_dots<float>, row_dots<uint16_t>}, {store_rows<float>, store_rows<uint16_t>},
    {rotate<float>, rotate<uint16_t>},     {query<float>, query<uint16_t>}};

}  // namespace trm::cpu::TRM_SIMD
