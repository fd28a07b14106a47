#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

Variable input_embedding(const EmbeddingInputs& in) {
  const Tensor* rows = in.puzzle_rows ? &in.puzzle_rows->value() : nullptr;
  const Tensor* positions = in.positions ? &in.positions->weight.value : nullptr;
  const Tensor x = ops::input_embedding(in.tokens, in.table->weight.value, rows, positions, in.prefix, in.scale);
  const Variable puzzle = in.puzzle_rows ? *in.puzzle_rows : Variable();
  Tape* tape = recording({&puzzle}, in.table->trained());
  if (!tape) return Variable(x);

  Variable out = Variable::leaf(x);
  tape->record([in, puzzle, out] {
    if (!out.gradient()->defined()) return;
    const Tensor dx = out.gradient()->take();
    Tensor d_rows, scratch;
    if (puzzle.requires_gradient()) d_rows = Tensor::empty(puzzle.value().shape(), DType::float32, dx.device());
    // Frozen tables still pass their kernel a place to add to.
    Tensor& d_table = in.table->trained() ? in.table->gradient : (scratch = Tensor::zeros(in.table->shape, DType::float32, dx.device()));
    const bool d_positions = in.positions && in.positions->trained();
    ops::input_embedding_backward(dx, in.tokens, in.scale, d_table, d_rows ? &d_rows : nullptr, d_positions ? &in.positions->gradient : nullptr);
    if (d_rows) puzzle.gradient()->accumulate(d_rows);
  });
  return out;
}

}  // namespace trm::functions
