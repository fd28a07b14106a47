#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

ops::CrossEntropy cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& scale, LossKind kind) {
  const ops::CrossEntropy result = ops::cross_entropy(logits.value(), labels, kind);
  if (Tape* tape = recording({&logits}))
    tape->record([logits, labels, scale, normalizer = result.normalizer, kind] {
      const Tensor& value = logits.value();
      Tensor gradient = Tensor::empty(value.shape(), value.dtype(), value.device());  // the logits themselves are kept
      gradient.copy_from(value);
      ops::cross_entropy_backward(gradient, labels, normalizer, scale, kind);
      logits.gradient()->give(std::move(gradient));
    });
  return result;
}

ops::CrossEntropy linear_cross_entropy(const Variable& x, Parameter& head, const Tensor& labels, const Tensor& scale,
                                       LossKind kind) {
  Tape* tape = recording({&x}, head.trained());
  if (!tape) return ops::linear_cross_entropy(x.value(), head.weight, labels, scale, kind, nullptr, nullptr);
  Tensor dx, dw = head.trained() ? head.gradient : Tensor::zeros(head.shape, DType::float32, x.value().device());
  ops::CrossEntropy result = ops::linear_cross_entropy(x.value(), head.weight, labels, scale, kind, &dx, &dw);
  if (x.requires_gradient()) tape->record([into = x.gradient(), dx]() mutable { into->give(std::move(dx)); });
  return result;
}

}  // namespace trm::functions
