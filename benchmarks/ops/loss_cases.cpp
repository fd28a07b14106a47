#include "benchmarks/ops/cases.h"
#include "benchmarks/ops/maker.h"

namespace trm::bench {
namespace {

void add_loss(std::vector<Case>& all, int64_t batch, int64_t tokens, int64_t width, int vocabulary, LossKind kind) {
  const std::string shape = to_string(Shape{batch, tokens, width}) + " to " + std::to_string(vocabulary) +
                            (kind == LossKind::softmax ? ", softmax" : ", stablemax");
  const double product = 2.0 * static_cast<double>(batch * tokens * width * vocabulary);
  const Shape rows{batch, tokens}, logits{batch, tokens, vocabulary};
  all.push_back({"cross_entropy", shape, 0, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random(logits), labels = make.integers(rows, vocabulary), kind] {
                     ops::cross_entropy(x, labels, kind);
                   };
                 }});
  all.push_back({"cross_entropy_backward", shape, 0, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   Tensor x = make.random(logits), labels = make.integers(rows, vocabulary);
                   return [x, labels, kind, out = ops::cross_entropy(x, labels, kind),
                           counts = ops::label_counts(labels, 1)]() mutable {
                     ops::cross_entropy_backward(x, labels, out.normalizer, counts.scale, kind);
                   };
                 }});
  for (const bool training : {false, true})
    all.push_back({std::string("linear_cross_entropy") + (training ? " with gradients" : ""), shape,
                   training ? 3 * product : product, [=](DType dtype, Device device) -> Run {
                     Maker make{dtype, device};
                     const Tensor labels = make.integers(rows, vocabulary);
                     return [=, x = make.random({batch, tokens, width}), w = make.weight(vocabulary, width, false),
                             counts = ops::label_counts(labels, 1), dw = make.zeros({vocabulary, width})]() mutable {
                       Tensor dx;
                       ops::linear_cross_entropy(x, w, labels, counts.scale, kind, training ? &dx : nullptr,
                                                 training ? &dw : nullptr);
                     };
                   }});
}

void add_embedding(std::vector<Case>& all, int64_t batch, int64_t tokens, int64_t width, int vocabulary,
                   int64_t prefix) {
  const std::string shape = to_string(Shape{batch, prefix + tokens, width}) + " from " + std::to_string(vocabulary);
  all.push_back({"input_embedding", shape, 0, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [=, ids = make.integers({batch, tokens}, vocabulary),
                           table = make.random({vocabulary, width}), rows = make.zeros({batch, width})] {
                     ops::input_embedding(ids, table, prefix ? &rows : nullptr, nullptr, prefix, 22.6f);
                   };
                 }});
  all.push_back({"input_embedding_backward", shape, 0, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [=, ids = make.integers({batch, tokens}, vocabulary),
                           dx = make.random({batch, prefix + tokens, width}), table = make.zeros({vocabulary, width}),
                           rows = make.zeros({batch, width})]() mutable {
                     ops::input_embedding_backward(dx, ids, 22.6f, table, prefix ? &rows : nullptr, nullptr);
                   };
                 }});
}

}  // namespace

void add_loss_cases(std::vector<Case>& all) {
  add_loss(all, 16, 81, 512, 11, LossKind::stablemax);  // sudoku
  add_loss(all, 2, 900, 512, 6, LossKind::stablemax);   // maze
  add_loss(all, 2, 512, 384, 4096, LossKind::softmax);  // chat
  add_loss(all, 2, 512, 384, 4096, LossKind::stablemax);
  add_loss(all, 2, 512, 384, 50266, LossKind::softmax);
  add_embedding(all, 16, 81, 512, 11, 16);
  add_embedding(all, 2, 512, 384, 4096, 0);
}

}  // namespace trm::bench
