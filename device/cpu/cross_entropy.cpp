#include "device/cpu/cross_entropy.h"

#include "device/cpu/activation.h"
#include "device/cpu/groups.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void cross_entropy(const Tensor& logits, const Tensor& labels, LossKind kind, Tensor& loss, Tensor& preds,
                   Tensor& normalizer) {
  const int64_t rows = labels.elements(), V = logits.size(2);
  require_labels("cross_entropy", labels, V);
  visit_activation(logits, [&]<class T>(T) {
    const T* values = logits.data<T>();
    const int32_t* label = labels.data<int32_t>();
#pragma omp parallel for if (rows * V > 1 << 12)
    for (int64_t r = 0; r < rows; ++r) {
      const RowLoss row = row_loss(values + r * V, V, label[r], kind);
      loss.data<float>()[r] = row.loss;
      preds.data<int32_t>()[r] = row.prediction;
      normalizer.data<float>()[r] = row.normalizer;
    }
  });
}

void cross_entropy_backward(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale,
                            LossKind kind) {
  const int64_t rows = labels.elements(), S = labels.size(1), V = logits.size(2);
  require_labels("cross_entropy_backward", labels, V);
  visit_activation(logits, [&]<class T>(T) {
    T* values = logits.data<T>();
#pragma omp parallel for if (rows * V > 1 << 12)
    for (int64_t r = 0; r < rows; ++r)
      row_gradient(values + r * V, V, labels.data<int32_t>()[r], normalizer.data<float>()[r],
                   scale.data<float>()[r / S], kind);
  });
}

}  // namespace

void register_cross_entropy() {
  kernels::cross_entropy.set(DeviceKind::cpu, cross_entropy);
  kernels::cross_entropy_backward.set(DeviceKind::cpu, cross_entropy_backward);
}

}  // namespace trm::cpu
