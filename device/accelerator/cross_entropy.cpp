#include "device/accelerator/cross_entropy.h"

#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name, LossKind kind) {
  return context.programs->kernel(cross_entropy_cl, name,
                                  kind == LossKind::stablemax ? "-DSTABLEMAX=1" : "-DSTABLEMAX=0");
}

LossRows all_rows(const Tensor& logits) { return {logits.size(0) * logits.size(1), logits.size(2), 0, logits.size(1)}; }

void cross_entropy(const Tensor& logits, const Tensor& labels, LossKind kind, Tensor& loss, Tensor& preds,
                   Tensor& normalizer) {
  loss_of_rows(context_of(logits), "cross_entropy", logits, all_rows(logits), {&labels}, kind, {&loss}, {&preds},
               normalizer);
}

void cross_entropy_backward(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale,
                            LossKind kind) {
  gradient_of_rows(context_of(logits), "cross_entropy_backward", logits, all_rows(logits), {&labels}, normalizer, scale,
                   kind);
}

}  // namespace

void loss_of_rows(Context& context, const char* op, const Tensor& logits, const LossRows& r, const Place& labels,
                  LossKind kind, const Place& loss, const Place& preds, const Tensor& normalizer) {
  const Kernel& kernel = kernel_of(context, "cross_entropy", kind);
  const RowGrid grid = over_rows(context, kernel, r.rows, r.V);
  launch(context, op, kernel, grid.grid, logits, labels, loss, preds, normalizer, r.rows, r.V, grid.scratch());
}

void gradient_of_rows(Context& context, const char* op, const Tensor& logits, const LossRows& r, const Place& labels,
                      const Tensor& normalizer, const Tensor& scale, LossKind kind) {
  const Kernel& kernel = kernel_of(context, "cross_entropy_backward", kind);
  launch(context, op, kernel, over_elements(context, kernel, r.rows * r.V), logits, labels, normalizer, scale, r.rows,
         r.V, r.first, r.S);
}

const Registration registration([] {
  set_float32(kernels::cross_entropy, cross_entropy);
  set_float32(kernels::cross_entropy_backward, cross_entropy_backward);
});

}  // namespace trm::accelerator
