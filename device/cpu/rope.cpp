#include <string>

#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/few_rows.h"
#include "device/cpu/weight_product.h"
#include "device/errors.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void rope(Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor* offsets, int heads, bool inverse) {
  const int64_t B = qkv.size(0), N = qkv.size(1), width = qkv.size(2), head_dim = width / (3 * heads),
                half = head_dim / 2;
  const int32_t* first = offsets ? offsets->data<int32_t>() : nullptr;
  for (int64_t b = 0; first && b < B; ++b)
    if (first[b] < 0 || first[b] + N > cos.size(0))
      throw DeviceError("rope: positions " + std::to_string(first[b]) + " to " + std::to_string(first[b] + N) +
                        " leave the tables of " + std::to_string(cos.size(0)) + " positions");
  const float *cosines = cos.data<float>(), *sines = sin.data<float>();
#pragma omp parallel for if (B * N * width > 1 << 14)
  for (int64_t row = 0; row < B * N; ++row) {
    const int64_t angle = ((first ? first[row / N] : 0) + row % N) * half;
    attention_loops().rotate[qkv.dtype()](offset_by(qkv.address(), row * width, size_of(qkv.dtype())), 2 * heads,
                                          head_dim, cosines + angle, sines + angle, inverse ? -1.0f : 1.0f);
  }
}

// Rows are rotated while they are still in the cache of the thread that made them.
void linear_rope(const Tensor& x, const Weight& w, const Tensor& cos, const Tensor& sin, int heads, Tensor& qkv) {
  const int64_t rows = x.size(0) * x.size(1), N = x.size(1), width = w.out(), head_dim = width / (3 * heads),
                half = head_dim / 2;
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  const Tensor inputs = x.reshape({rows, w.in()});
  if (has_few_rows(inputs, w)) {
    Tensor outputs = qkv.reshape({rows, width});
    few_rows_linear(inputs, w, outputs);
    return rope(qkv, cos, sin, nullptr, heads, false);
  }
  parallel_rows(rows, [&](int64_t first, int64_t count) {
    void* out = offset_by(qkv.address(), first * width, size);
    times_transposed_weight(count, row_major(offset_by(x.address(), first * w.in(), size), dtype, w.in()), w, out,
                            dtype, width);
    for (int64_t row = 0; row < count; ++row) {
      const int64_t angle = (first + row) % N * half;
      attention_loops().rotate[dtype](offset_by(out, row * width, size), 2 * heads, head_dim, cos.data<float>() + angle,
                                      sin.data<float>() + angle, 1.0f);
    }
  });
}

}  // namespace

const Registration registration([] {
  kernels::rope.set(DeviceKind::cpu, rope);
  kernels::linear_rope.set(DeviceKind::cpu, linear_rope);
});

}  // namespace trm::cpu
