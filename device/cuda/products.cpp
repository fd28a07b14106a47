// Products through cuBLASLt. Token products are batched with the weight on the left, so nothing is transposed in
// memory.
#include <algorithm>

#include "device/cuda/few_rows.h"
#include "device/cuda/packed.h"
#include "device/cuda/product.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

/// y [M, O] = x [M, K] Wᵀ
void linear(const Tensor& x, const Weight& w, Tensor& y) {
  if (linear_few_rows(x, w, y)) return;
  Context& context = context_of(x);
  const int64_t M = x.size(0), K = w.in(), O = w.out();
  multiply(context, "linear",
           {.m = M,
            .n = O,
            .k = K,
            .a = {x.address(), K},
            .b = {w.value.address(), K, true},
            .out = y.address(),
            .out_ld = O,
            .in_dtype = x.dtype(),
            .out_dtype = y.dtype()});
}

/// Few rows at a time, whose sums are made in the same order however many they are; else one at a time.
void linear_apart(const Tensor& x, const Weight& w, Tensor& y) {
  const int64_t M = x.size(0);
  for (int64_t first = 0; first < M; first += most_few_rows) {
    const int64_t count = std::min(most_few_rows, M - first);
    Tensor part = y.rows(first, count);
    if (linear_few_rows(x.rows(first, count), w, part)) continue;
    for (int64_t r = first; r < first + count; ++r) {
      Tensor row = y.rows(r, 1);
      linear(x.rows(r, 1), w, row);
    }
  }
}

/// dx [M, K] = dy [M, O] W
void linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  Context& context = context_of(dy);
  const int64_t M = dy.size(0), K = w.in(), O = w.out();
  multiply(context, "linear_backward_input",
           {.m = M,
            .n = K,
            .k = O,
            .a = {dy.address(), O},
            .b = {w.value.address(), K},
            .out = dx.address(),
            .out_ld = K,
            .added = accumulate ? dx.address() : nullptr,
            .in_dtype = dy.dtype(),
            .out_dtype = dx.dtype()});
}

/// dw [O, K] += dyᵀ x
void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  Context& context = context_of(dy);
  const int64_t M = dy.size(0), O = dw.size(0), K = dw.size(1);
  if (M == 0) return;
  multiply(context, "linear_backward_weight",
           {.m = O,
            .n = K,
            .k = M,
            .a = {dy.address(), O, true},
            .b = {x.address(), K},
            .out = dw.address(),
            .out_ld = K,
            .added = dw.address(),
            .in_dtype = dy.dtype()});
}

/// y[b] [O, D] = W x[b] [N, D]
void token_linear(const Tensor& x, const Weight& w, Tensor& y) {
  Context& context = context_of(x);
  const int64_t B = x.size(0), N = w.in(), D = x.size(2), O = w.out();
  const View weight = plain(context, w);
  multiply(context, "token_linear",
           {.m = O,
            .n = D,
            .k = N,
            .batch = B,
            .a = {weight.data, weight.ld},
            .b = {x.address(), D, false, N * D},
            .out = y.address(),
            .out_ld = D,
            .out_stride = O * D,
            .in_dtype = x.dtype(),
            .out_dtype = y.dtype()});
}

/// dx[b] [N, D] = Wᵀ dy[b] [O, D]
void token_linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  Context& context = context_of(dy);
  const int64_t B = dy.size(0), N = w.in(), D = dy.size(2), O = w.out();
  const View weight = plain(context, w);
  multiply(context, "token_linear_backward_input",
           {.m = N,
            .n = D,
            .k = O,
            .batch = B,
            .a = {weight.data, weight.ld, true},
            .b = {dy.address(), D, false, O * D},
            .out = dx.address(),
            .out_ld = D,
            .out_stride = N * D,
            .added = accumulate ? dx.address() : nullptr,
            .in_dtype = dy.dtype(),
            .out_dtype = dx.dtype()});
}

}  // namespace

const Registration registration([] {
  kernels::linear.set(DeviceKind::cuda, linear);
  kernels::linear_apart.set(DeviceKind::cuda, linear_apart);
  kernels::linear_backward_input.set(DeviceKind::cuda, linear_backward_input);
  kernels::linear_backward_weight.set(DeviceKind::cuda, linear_backward_weight);
  kernels::token_linear.set(DeviceKind::cuda, token_linear);
  kernels::token_linear_backward_input.set(DeviceKind::cuda, token_linear_backward_input);
});

}  // namespace trm::cuda
