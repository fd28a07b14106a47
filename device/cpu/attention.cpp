#include <cmath>
#include <vector>

#include "device/cpu/activation.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/groups.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void attention(const Tensor& qkv, int heads, bool causal, Tensor& out, Tensor* lse) {
  const int64_t B = qkv.size(0), N = qkv.size(1), width = qkv.size(2), inner = width / 3, head_dim = inner / heads;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  visit_activation(qkv, [&]<class T>(T) {
#pragma omp parallel
    {
      std::vector<float> scores(N), sum(head_dim);
#pragma omp for collapse(2)
      for (int64_t b = 0; b < B; ++b)
        for (int head = 0; head < heads; ++head) {
          const T *q = qkv.data<T>() + b * N * width + head * head_dim, *k = q + inner, *v = k + inner;
          for (int64_t i = 0; i < N; ++i) {
            const int64_t visible = causal ? i + 1 : N;
            float largest = -INFINITY;
            for (int64_t j = 0; j < visible; ++j) {
              float dot = 0;
              for (int64_t d = 0; d < head_dim; ++d)
                dot += static_cast<float>(q[i * width + d]) * static_cast<float>(k[j * width + d]);
              scores[j] = dot * scale;
              largest = std::max(largest, scores[j]);
            }
            float total = 0;
            std::fill(sum.begin(), sum.end(), 0.0f);
            for (int64_t j = 0; j < visible; ++j) {
              const float weight = std::exp(scores[j] - largest);
              total += weight;
              for (int64_t d = 0; d < head_dim; ++d) sum[d] += weight * static_cast<float>(v[j * width + d]);
            }
            T* to = out.data<T>() + (b * N + i) * inner + head * head_dim;
            for (int64_t d = 0; d < head_dim; ++d) to[d] = T(sum[d] / total);
            if (lse) lse->data<float>()[(b * heads + head) * N + i] = largest + std::log(total);
          }
        }
    }
  });
}

}  // namespace

void register_attention_forward() { kernels::attention.set(DeviceKind::cpu, attention); }

void register_attention() {
  register_rope();
  register_attention_forward();
  register_attention_backward();
  register_attention_cached();
}

}  // namespace trm::cpu
