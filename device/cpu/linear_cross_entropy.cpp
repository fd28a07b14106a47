#include <algorithm>

#include "device/cpu/chunks.h"
#include "device/cpu/labels.h"
#include "device/cpu/loss_loops.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// Rows of a chunk: its logits stay in the outer cache.
int64_t rows_of_chunk(int64_t rows, int64_t row_bytes) {
  constexpr int64_t chunk_bytes = 32 << 20;
  const int64_t wanted = std::clamp<int64_t>(chunk_bytes / row_bytes / 64 * 64, 128, rows < 128 ? 128 : rows);
  return std::min(rows, wanted);
}

void linear_cross_entropy(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale, LossKind kind,
                          Tensor& loss, Tensor& preds, Tensor* dx, Tensor* dw) {
  const int64_t rows = labels.elements(), S = labels.size(1), D = x.size(2), V = w.out();
  const DType dtype = x.dtype();
  const bool stablemax = kind == LossKind::stablemax;
  require_labels("linear_cross_entropy", labels, V);
  if (rows == 0) return;
  const Tensor inputs = x.reshape({rows, D});
  Tensor input_gradients = dx ? dx->reshape({rows, D}) : Tensor();
  const int64_t chunk = rows_of_chunk(rows, V * static_cast<int64_t>(size_of(x.dtype())));
  const Tensor buffer = Tensor::empty({chunk, V}, x.dtype(), cpu_device);
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const Tensor part = inputs.rows(first, count);
    Tensor logits = buffer.rows(0, count);
    kernels::linear(part, w, logits);
#pragma omp parallel for if (count * V > 1 << 14)
    for (int64_t i = 0; i < count; ++i) {
      const int64_t r = first + i;
      const int32_t label = labels.data<int32_t>()[r];
      void* row = offset_by(logits.address(), i * V, size_of(dtype));
      float normalizer;
      loss_loops().loss[dtype](row, V, label, stablemax, loss.data<float>() + r, preds.data<int32_t>() + r,
                               &normalizer);
      if (dx) loss_loops().gradient[dtype](row, V, label, stablemax, normalizer, scale.data<float>()[r / S]);
    }
    if (!dx) continue;
    Tensor part_gradient = input_gradients.rows(first, count);
    kernels::linear_backward_input(logits, w, part_gradient, false);
    kernels::linear_backward_weight(logits, part, *dw);
  }
}

}  // namespace

const Registration registration([] { kernels::linear_cross_entropy.set(DeviceKind::cpu, linear_cross_entropy); });

}  // namespace trm::cpu
