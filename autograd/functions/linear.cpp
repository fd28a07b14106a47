#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

Variable linear(const Variable& x, Parameter& weight) {
  Tape* tape = recording({&x}, weight.trained());
  Tensor product = ops::linear(x.value(), weight.weight);
  if (!tape) return Variable(std::move(product));

  Variable y = Variable::leaf(std::move(product));
  tape->record([x, gradient = y.gradient(), &weight] {
    if (!gradient->defined()) return;
    const Tensor dy = gradient->take();
    if (weight.trained()) ops::linear_backward_weight(dy, x.value(), weight.gradient);
    if (x.requires_gradient()) x.gradient()->give(ops::linear_backward_input(dy, weight.weight));
  });
  return y;
}

}  // namespace trm::functions
