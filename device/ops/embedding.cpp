#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {

Tensor input_embedding(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows, const Tensor* positions, int64_t prefix, float scale) {
  const char* op = "input_embedding";
  check::activation(op, "table", table, 2);
  check::shape(op, "tokens", tokens, DType::int32, {tokens.size(0), tokens.size(-1)});
  const int64_t B = tokens.size(0), N = tokens.size(1) + prefix, D = table.size(1);
  if (puzzle_rows) {
    check::shape(op, "puzzle_rows", *puzzle_rows, DType::float32, {B, puzzle_rows->size(-1)});
    check::require(op, puzzle_rows->size(1) <= prefix * D, "a puzzle row " + describe(*puzzle_rows) + " does not fit " + std::to_string(prefix) + " positions of " + std::to_string(D));
  }
  check::require(op, (puzzle_rows != nullptr) == (prefix > 0), "a prefix of " + std::to_string(prefix) + " positions and puzzle rows go together");
  if (positions) check::shape(op, "positions", *positions, table.dtype(), {N, D});
  Tensor out = Tensor::empty({B, N, D}, table.dtype(), table.device());
  kernels::input_embedding(tokens, table, puzzle_rows, positions, scale, out);
  return out;
}

void input_embedding_backward(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table, Tensor* d_puzzle_rows, Tensor* d_positions) {
  const char* op = "input_embedding_backward";
  check::activation(op, "dx", dx, 3);
  check::shape(op, "d_table", d_table, DType::float32, {d_table.size(0), dx.size(2)});
  check::shape(op, "tokens", tokens, DType::int32, {dx.size(0), tokens.size(-1)});
  if (d_puzzle_rows) check::shape(op, "d_puzzle_rows", *d_puzzle_rows, DType::float32, {dx.size(0), d_puzzle_rows->size(-1)});
  if (d_positions) check::shape(op, "d_positions", *d_positions, DType::float32, {dx.size(1), dx.size(2)});
  kernels::input_embedding_backward(dx, tokens, scale, d_table, d_puzzle_rows, d_positions);
}

Tensor gather_rows(const Tensor& table, const Tensor& ids) {
  check::shape("gather_rows", "table", table, DType::float32, {table.size(0), table.size(-1)});
  check::shape("gather_rows", "ids", ids, DType::int32, {ids.elements()});
  Tensor out = Tensor::empty({ids.size(0), table.size(1)}, DType::float32, table.device());
  kernels::gather_rows(table, ids, out);
  return out;
}

Tensor drop_positions(const Tensor& x, int64_t count) {
  check::activation("drop_positions", "x", x, 3);
  if (count == 0) return x;
  check::require("drop_positions", count < x.size(1), "cannot drop " + std::to_string(count) + " positions of " + describe(x));
  Tensor out = Tensor::empty({x.size(0), x.size(1) - count, x.size(2)}, x.dtype(), x.device());
  kernels::drop_positions(x, out);
  return out;
}

Tensor drop_positions_backward(const Tensor& dout, int64_t count) {
  check::activation("drop_positions_backward", "dout", dout, 3);
  if (count == 0) return dout;
  Tensor dx = Tensor::empty({dout.size(0), dout.size(1) + count, dout.size(2)}, dout.dtype(), dout.device());
  kernels::drop_positions_backward(dout, dx);
  return dx;
}

}  // namespace trm::ops
