#pragma once
#include "device/accelerator/launch.h"
#include "device/op_types.h"

namespace trm::accelerator {

/// Rows of logits [rows, V]; row r belongs to example (first + r) / S, S labels an example.
struct LossRows {
  int64_t rows, V, first, S;
};

/// labels, loss, preds and normalizer are those of these rows.
void loss_of_rows(Context& context, const char* op, const Tensor& logits, const LossRows& r, const Place& labels,
                  LossKind kind, const Place& loss, const Place& preds, const Tensor& normalizer);
/// logits become gradients times scale [examples].
void gradient_of_rows(Context& context, const char* op, const Tensor& logits, const LossRows& r, const Place& labels,
                      const Tensor& normalizer, const Tensor& scale, LossKind kind);

}  // namespace trm::accelerator
