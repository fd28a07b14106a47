#include "device/cpu/activation.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// First element of the position of row b that the q head reads.
template <class T>
T* read_position(const Tensor& z, const Tensor* positions, int64_t b) {
  const int64_t position = positions ? positions->data<int32_t>()[b] : 0;
  return z.data<T>() + (b * z.size(1) + position) * z.size(2);
}

void q_head(const Tensor& z, const Tensor& w, const Tensor& bias, const Tensor* positions, Tensor& q) {
  const int64_t B = z.size(0), D = z.size(2);
  const float *halt = w.data<float>(), *go_on = halt + D;
  visit_activation(z, [&]<class T>(T) {
    for (int64_t b = 0; b < B; ++b) {
      const T* row = read_position<T>(z, positions, b);
      float first = 0, second = 0;
#pragma omp simd reduction(+ : first, second)
      for (int64_t d = 0; d < D; ++d) {
        const float value = row[d];
        first += value * halt[d];
        second += value * go_on[d];
      }
      q.data<float>()[2 * b] = first + bias.data<float>()[0];
      q.data<float>()[2 * b + 1] = second + bias.data<float>()[1];
    }
  });
}

void q_head_backward(const Tensor& dq, const Tensor& z, const Tensor& w, const Tensor* positions, Tensor& dz,
                     Tensor& dw, Tensor& dbias) {
  const int64_t B = z.size(0), D = z.size(2);
  const float *halt = w.data<float>(), *go_on = halt + D, *gradient = dq.data<float>();
  float *d_halt = dw.data<float>(), *d_go_on = d_halt + D, *d_bias = dbias.data<float>();
  visit_activation(z, [&]<class T>(T) {
    for (int64_t b = 0; b < B; ++b) {
      const T* row = read_position<T>(z, positions, b);
      T* to = read_position<T>(dz, positions, b);
      const float first = gradient[2 * b], second = gradient[2 * b + 1];
#pragma omp simd
      for (int64_t d = 0; d < D; ++d) {
        const float value = row[d];
        to[d] = T(static_cast<float>(to[d]) + first * halt[d] + second * go_on[d]);
        d_halt[d] += first * value;
        d_go_on[d] += second * value;
      }
      d_bias[0] += first;
      d_bias[1] += second;
    }
  });
}

}  // namespace

const Registration registration([] {
  kernels::q_head.set(DeviceKind::cpu, q_head);
  kernels::q_head_backward.set(DeviceKind::cpu, q_head_backward);
});

}  // namespace trm::cpu
