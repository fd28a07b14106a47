#include <string>

#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/groups.h"
#include "device/errors.h"
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
  const float *cosines = cos.data<float>() + first * half, *sines = sin.data<float>() + first * half;
#pragma omp parallel for if (B * N * width > 1 << 14)
  for (int64_t row = 0; row < B * N; ++row)
    attention_loops().rotate[qkv.dtype()](offset_by(qkv.address(), row * width, size_of(qkv.dtype())), 2 * heads,
                                          head_dim, cosines + row % N * half, sines + row % N * half,
                                          inverse ? -1.0f : 1.0f);
}

}  // namespace

void register_rope() { kernels::rope.set(DeviceKind::cpu, rope); }

}  // namespace trm::cpu
