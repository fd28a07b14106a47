#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

Variable drop_positions(const Variable& x, int64_t count) {
  if (count == 0) return x;
  Tape* tape = recording({&x});
  Tensor rest = ops::drop_positions(x.value(), count);
  if (!tape) return Variable(std::move(rest));

  Variable y = Variable::leaf(std::move(rest));
  tape->record([into = x.gradient(), gradient = y.gradient(), count] {
    if (gradient->defined()) into->give(ops::drop_positions_backward(gradient->take(), count));
  });
  return y;
}

}  // namespace trm::functions
