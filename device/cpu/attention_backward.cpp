#include <cmath>
#include <vector>

#include "device/cpu/activation.h"
#include "device/cpu/groups.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

// P = exp(q kᵀ/√d - lse); dv = Pᵀ dout; dS = P ∘ (dout vᵀ - rowsum(dout ∘ out)); dq = dS k/√d; dk = dSᵀ q/√d
void attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads,
                        bool causal, Tensor& dqkv) {
  const int64_t B = qkv.size(0), N = qkv.size(1), width = qkv.size(2), inner = width / 3, head_dim = inner / heads;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  visit_activation(qkv, [&]<class T>(T) {
#pragma omp parallel
    {
      std::vector<float> dq(N * head_dim), dk(N * head_dim), dv(N * head_dim);
#pragma omp for collapse(2)
      for (int64_t b = 0; b < B; ++b)
        for (int head = 0; head < heads; ++head) {
          const T *q = qkv.data<T>() + b * N * width + head * head_dim, *k = q + inner, *v = k + inner;
          const T *g = dout.data<T>() + b * N * inner + head * head_dim,
                  *o = out.data<T>() + b * N * inner + head * head_dim;
          const float* row_lse = lse.data<float>() + (b * heads + head) * N;
          for (auto* buffer : {&dq, &dk, &dv}) std::fill(buffer->begin(), buffer->end(), 0.0f);
          for (int64_t i = 0; i < N; ++i) {
            float delta = 0;
            for (int64_t d = 0; d < head_dim; ++d)
              delta += static_cast<float>(g[i * inner + d]) * static_cast<float>(o[i * inner + d]);
            for (int64_t j = 0; j < (causal ? i + 1 : N); ++j) {
              float score = 0, dp = 0;
              for (int64_t d = 0; d < head_dim; ++d) {
                score += static_cast<float>(q[i * width + d]) * static_cast<float>(k[j * width + d]);
                dp += static_cast<float>(g[i * inner + d]) * static_cast<float>(v[j * width + d]);
              }
              const float p = std::exp(score * scale - row_lse[i]), ds = p * (dp - delta) * scale;
              for (int64_t d = 0; d < head_dim; ++d) {
                dq[i * head_dim + d] += ds * static_cast<float>(k[j * width + d]);
                dk[j * head_dim + d] += ds * static_cast<float>(q[i * width + d]);
                dv[j * head_dim + d] += p * static_cast<float>(g[i * inner + d]);
              }
            }
          }
          T* to = dqkv.data<T>() + b * N * width + head * head_dim;
          for (int64_t i = 0; i < N; ++i)
            for (int64_t d = 0; d < head_dim; ++d) {
              to[i * width + d] = T(dq[i * head_dim + d]);
              to[i * width + inner + d] = T(dk[i * head_dim + d]);
              to[i * width + 2 * inner + d] = T(dv[i * head_dim + d]);
            }
        }
    }
  });
}

}  // namespace

void register_attention_backward() { kernels::attention_backward.set(DeviceKind::cpu, attention_backward); }

}  // namespace trm::cpu
