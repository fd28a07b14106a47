#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

Variable residual_rms_norm(const Variable& x, const Variable& residual, float eps) {
  Tape* tape = recording({&x, &residual});
  Tensor rstd;
  const Tensor normed = ops::residual_rms_norm(x.value(), residual.value(), eps, tape ? &rstd : nullptr);
  if (!tape) return Variable(normed);

  Variable y = Variable::leaf(normed);
  tape->record([x, residual, rstd, y] {
    if (!y.gradient()->defined()) return;
    const Tensor ds = ops::rms_norm_backward(y.gradient()->take(), y.value(), rstd, false);
    for (const Variable* input : {&x, &residual})
      if (input->requires_gradient()) input->gradient()->accumulate(ds);
  });
  return y;
}

}  // namespace trm::functions
