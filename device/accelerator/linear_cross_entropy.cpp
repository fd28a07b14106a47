// Head and loss in chunks of rows: logits of a chunk, its loss, the gradient in place, then what that gives x and the
// head.
#include <algorithm>

#include "device/accelerator/cross_entropy.h"
#include "device/accelerator/product.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

constexpr const char* op = "linear_cross_entropy";

/// Rows of a chunk: logits of at most 1/32 of the device's memory (and 256 MiB), chunks of equal size up to a multiple
/// of 64.
int64_t chunk_rows(const Context& context, int64_t rows, int64_t V) {
  const auto limit = static_cast<int64_t>(std::min<size_t>(context.memory_bytes / 32, size_t{256} << 20));
  const int64_t most = std::max<int64_t>(limit / (V * static_cast<int64_t>(sizeof(float))), 64),
                chunks = (rows + most - 1) / most;
  return std::min(rows, (rows / chunks + 63) / 64 * 64);
}

void linear_cross_entropy(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale, LossKind kind,
                          Tensor& loss, Tensor& preds, Tensor* dx, Tensor* dw) {
  const int64_t rows = labels.elements(), D = x.size(2), V = w.out();
  if (rows == 0) return;
  Context& context = context_of(x);
  const int64_t chunk = chunk_rows(context, rows, V);
  const Tensor logits = Tensor::empty({chunk, V}, DType::float32, x.device()),
               normalizer = Tensor::empty({chunk}, DType::float32, x.device());
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const LossRows r{count, V, first, labels.size(1)};
    const Place part{&x, first * D}, label{&labels, first};
    multiply(context, op,
             {.m = count, .n = V, .k = D, .a = {part, D}, .b = {{&w.value}, D, true}, .out = {{&logits}, V}});
    loss_of_rows(context, op, logits, r, label, kind, {&loss, first}, {&preds, first}, normalizer);
    if (!dx) continue;
    gradient_of_rows(context, op, logits, r, label, normalizer, scale, kind);
    multiply(context, op,
             {.m = count, .n = D, .k = V, .a = {{&logits}, V}, .b = {{&w.value}, D}, .out = {{dx, first * D}, D}});
    multiply_long(context, op,
                  {.m = V, .n = D, .k = count, .a = {{&logits}, V, true}, .b = {part, D}, .out = {{dw}, D}});
  }
}

}  // namespace

const Registration registration([] { set_float32(kernels::linear_cross_entropy, linear_cross_entropy); });

}  // namespace trm::accelerator
