#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {
namespace {

CrossEntropy outputs_for(const Tensor& labels, bool normalizer) {
  const auto make = [&](DType dtype) { return Tensor::empty(labels.shape(), dtype, labels.device()); };
  return {make(DType::float32), make(DType::int32), normalizer ? make(DType::float32) : Tensor()};
}

}  // namespace

LabelCounts label_counts(const Tensor& labels, float grad_scale) {
  check::shape("label_counts", "labels", labels, DType::int32, {labels.size(0), labels.size(-1)});
  LabelCounts result{Tensor::empty({labels.size(0)}, DType::int32, labels.device()), Tensor::empty({labels.size(0)}, DType::float32, labels.device())};
  kernels::label_counts(labels, grad_scale, result.counts, result.scale);
  return result;
}

CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, LossKind kind) {
  check::activation("cross_entropy", "logits", logits, 3);
  check::shape("cross_entropy", "labels", labels, DType::int32, {logits.size(0), logits.size(1)});
  CrossEntropy result = outputs_for(labels, true);
  kernels::cross_entropy(logits, labels, kind, result.loss, result.preds, result.normalizer);
  return result;
}

void cross_entropy_backward(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale, LossKind kind) {
  const char* op = "cross_entropy_backward";
  check::activation(op, "logits", logits, 3);
  check::shape(op, "labels", labels, DType::int32, {logits.size(0), logits.size(1)});
  check::shape(op, "normalizer", normalizer, DType::float32, labels.shape());
  check::shape(op, "scale", scale, DType::float32, {logits.size(0)});
  kernels::cross_entropy_backward(logits, labels, normalizer, scale, kind);
}

CrossEntropy linear_cross_entropy(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale, LossKind kind, Tensor* dx, Tensor* dw) {
  const char* op = "linear_cross_entropy";
  check::activation(op, "x", x, 3);
  check::same_dtype(op, x, w.value);
  check::require(op, x.size(2) == w.in() && !w.token, "x " + describe(x) + " does not fit the weight " + describe(w.value));
  check::shape(op, "labels", labels, DType::int32, {x.size(0), x.size(1)});
  check::shape(op, "scale", scale, DType::float32, {x.size(0)});
  check::require(op, (dx == nullptr) == (dw == nullptr), "dx and dw go together");
  if (dx) *dx = Tensor::empty(x.shape(), x.dtype(), x.device());
  if (dw) check::shape(op, "dw", *dw, DType::float32, w.value.shape());
  CrossEntropy result = outputs_for(labels, false);
  kernels::linear_cross_entropy(x, w, labels, scale, kind, result.loss, result.preds, dx, dw);
  return result;
}

}  // namespace trm::ops
