#include "device/cpu/chunks.h"
#include "device/cpu/labels.h"
#include "device/cpu/loss_loops.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void cross_entropy(const Tensor& logits, const Tensor& labels, LossKind kind, Tensor& loss, Tensor& preds,
                   Tensor& normalizer) {
  const int64_t rows = labels.elements(), V = logits.size(2);
  const DType dtype = logits.dtype();
  require_labels("cross_entropy", labels, V);
#pragma omp parallel for if (rows * V > 1 << 14)
  for (int64_t r = 0; r < rows; ++r)
    loss_loops().loss[dtype](offset_by(logits.address(), r * V, size_of(dtype)), V, labels.data<int32_t>()[r],
                             kind == LossKind::stablemax, loss.data<float>() + r, preds.data<int32_t>() + r,
                             normalizer.data<float>() + r);
}

void cross_entropy_backward(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale,
                            LossKind kind) {
  const int64_t rows = labels.elements(), S = labels.size(1), V = logits.size(2);
  const DType dtype = logits.dtype();
  require_labels("cross_entropy_backward", labels, V);
#pragma omp parallel for if (rows * V > 1 << 14)
  for (int64_t r = 0; r < rows; ++r)
    loss_loops().gradient[dtype](offset_by(logits.address(), r * V, size_of(dtype)), V, labels.data<int32_t>()[r],
                                 kind == LossKind::stablemax, normalizer.data<float>()[r], scale.data<float>()[r / S]);
}

}  // namespace

const Registration registration([] {
  kernels::cross_entropy.set(DeviceKind::cpu, cross_entropy);
  kernels::cross_entropy_backward.set(DeviceKind::cpu, cross_entropy_backward);
});

}  // namespace trm::cpu
