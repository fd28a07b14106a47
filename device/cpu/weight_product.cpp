#include "device/cpu/weight_product.h"

#include <algorithm>

#include "device/cpu/cpu_platform.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// to [columns, rows] = from [rows, columns] transposed
template <class T>
void transpose(const Tensor& from, void* to) {
  const int64_t rows = from.size(0), columns = from.size(1);
  const T* source = static_cast<const T*>(from.address());
  T* target = static_cast<T*>(to);
  constexpr int64_t tile = 32;
#pragma omp parallel for schedule(static)
  for (int64_t j = 0; j < columns; j += tile)
    for (int64_t i = 0; i < rows; i += tile)
      for (int64_t c = j; c < std::min(j + tile, columns); ++c)
        for (int64_t r = i; r < std::min(i + tile, rows); ++r) target[c * rows + r] = source[r * columns + c];
}

// Packed forms: of a weight on the last axis both right factors Wᵀ and W as gemm_packed wants them; of a token weight,
// a left factor that is read as it stands, the transpose for the backward.
void pack_one(const Weight& w) {
  const Tensor& value = w.value;
  const int64_t out = w.out(), in = w.in();
  if (w.token) {
    value.dtype() == DType::float32 ? transpose<float>(value, w.packed_backward.address())
                                    : transpose<bfloat16>(value, w.packed_backward.address());
    return;
  }
  pack_factor(in, out, transposed(value.address(), value.dtype(), in), w.packed.address());
  pack_factor(out, in, row_major(value.address(), value.dtype(), in), w.packed_backward.address());
}

void pack_weight(const Tensor&, const std::vector<Weight*>& weights) {
  for (const Weight* w : weights) pack_one(*w);
}

}  // namespace

Backend::PackedBytes packed_bytes(int64_t out, int64_t in, DType dtype, bool token) {
  if (token) return {0, static_cast<size_t>(out * in) * size_of(dtype)};
  return {packed_factor_bytes(in, out, dtype), packed_factor_bytes(out, in, dtype)};
}

void times_transposed_weight(int64_t m, const Matrix& x, const Weight& w, void* c, DType c_dtype, int64_t c_stride,
                             bool accumulate) {
  if (w.packed)
    gemm_packed(m, w.out(), w.in(), x, w.packed.address(), c, c_dtype, c_stride, accumulate);
  else
    gemm(m, w.out(), w.in(), x, transposed(w.value.address(), x.dtype, w.in()), c, c_dtype, c_stride, accumulate);
}

void times_weight(int64_t m, const Matrix& x, const Weight& w, void* c, DType c_dtype, int64_t c_stride,
                  bool accumulate) {
  if (w.packed_backward)
    gemm_packed(m, w.in(), w.out(), x, w.packed_backward.address(), c, c_dtype, c_stride, accumulate);
  else
    gemm(m, w.in(), w.out(), x, row_major(w.value.address(), x.dtype, w.in()), c, c_dtype, c_stride, accumulate);
}

void weight_times(int64_t n, const Weight& w, const Matrix& x, void* c, DType c_dtype, int64_t c_stride,
                  bool accumulate) {
  gemm(w.out(), n, w.in(), row_major(w.value.address(), x.dtype, w.in()), x, c, c_dtype, c_stride, accumulate);
}

void transposed_weight_times(int64_t n, const Weight& w, const Matrix& x, void* c, DType c_dtype, int64_t c_stride,
                             bool accumulate) {
  const Matrix factor = w.packed_backward ? row_major(w.packed_backward.address(), x.dtype, w.out())
                                          : transposed(w.value.address(), x.dtype, w.in());
  gemm(w.in(), n, w.out(), factor, x, c, c_dtype, c_stride, accumulate);
}

const Registration registration([] { kernels::pack_weight.set(DeviceKind::cpu, pack_weight); });

}  // namespace trm::cpu
