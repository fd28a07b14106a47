#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "device/cpu/activation.h"
#include "device/cpu/groups.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void attention_cached(const Tensor& qkv, const Tensor& position, int heads, Tensor& k_cache, Tensor& v_cache,
                      Tensor& out) {
  const int64_t T_new = qkv.size(0), S = k_cache.size(0), inner = qkv.size(1) / 3, head_dim = inner / heads;
  const int64_t first = *position.data<int32_t>();
  if (first < 0 || first + T_new > S)
    throw DeviceError("attention_cached: positions " + std::to_string(first) + " to " + std::to_string(first + T_new) +
                      " leave the window of " + std::to_string(S));
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  visit_activation(qkv, [&]<class T>(T) {
    const T* rows = qkv.data<T>();
    T *keys = k_cache.data<T>(), *values = v_cache.data<T>();
    for (int64_t t = 0; t < T_new; ++t) {
      std::memcpy(keys + (first + t) * inner, rows + t * 3 * inner + inner, inner * sizeof(T));
      std::memcpy(values + (first + t) * inner, rows + t * 3 * inner + 2 * inner, inner * sizeof(T));
    }
#pragma omp parallel
    {
      std::vector<float> scores(first + T_new), sum(head_dim);
#pragma omp for collapse(2)
      for (int64_t t = 0; t < T_new; ++t)
        for (int head = 0; head < heads; ++head) {
          const T *q = rows + t * 3 * inner + head * head_dim, *k = keys + head * head_dim,
                  *v = values + head * head_dim;
          const int64_t visible = first + t + 1;
          float largest = -INFINITY;
          for (int64_t j = 0; j < visible; ++j) {
            float dot = 0;
            for (int64_t d = 0; d < head_dim; ++d)
              dot += static_cast<float>(q[d]) * static_cast<float>(k[j * inner + d]);
            scores[j] = dot * scale;
            largest = std::max(largest, scores[j]);
          }
          float total = 0;
          std::fill(sum.begin(), sum.end(), 0.0f);
          for (int64_t j = 0; j < visible; ++j) {
            const float weight = std::exp(scores[j] - largest);
            total += weight;
            for (int64_t d = 0; d < head_dim; ++d) sum[d] += weight * static_cast<float>(v[j * inner + d]);
          }
          T* to = out.data<T>() + t * inner + head * head_dim;
          for (int64_t d = 0; d < head_dim; ++d) to[d] = T(sum[d] / total);
        }
    }
  });
}

}  // namespace

void register_attention_cached() { kernels::attention_cached.set(DeviceKind::cpu, attention_cached); }

}  // namespace trm::cpu
