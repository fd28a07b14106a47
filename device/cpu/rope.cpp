#include <string>

#include "device/cpu/activation.h"
#include "device/cpu/groups.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void rope(Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor* offset, int heads, bool inverse) {
  const int64_t B = qkv.size(0), N = qkv.size(1), width = qkv.size(2), head_dim = width / (3 * heads),
                half = head_dim / 2;
  const int64_t first = offset ? *offset->data<int32_t>() : 0;
  if (first < 0 || first + N > cos.size(0))
    throw DeviceError("rope: positions " + std::to_string(first) + " to " + std::to_string(first + N) +
                      " leave the tables of " + std::to_string(cos.size(0)) + " positions");
  const float *cosines = cos.data<float>(), *sines = sin.data<float>();
  const float sign = inverse ? -1.0f : 1.0f;
  visit_activation(qkv, [&]<class T>(T) {
    T* rows = qkv.data<T>();
#pragma omp parallel for if (B * N * width > 1 << 14)
    for (int64_t row = 0; row < B * N; ++row) {
      const float *c = cosines + (first + row % N) * half, *s = sines + (first + row % N) * half;
      for (int head = 0; head < 2 * heads; ++head) {
        T *low = rows + row * width + head * head_dim, *high = low + half;
#pragma omp simd
        for (int64_t i = 0; i < half; ++i) {
          const float x = low[i], y = high[i], sine = sign * s[i];
          low[i] = T(x * c[i] - y * sine);
          high[i] = T(y * c[i] + x * sine);
        }
      }
    }
  });
}

}  // namespace

void register_rope() { kernels::rope.set(DeviceKind::cpu, rope); }

}  // namespace trm::cpu
