#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {
namespace {

// d(a + b + c): each input's gradient is the output's.
Variable record_sum(Tensor sum, std::initializer_list<const Variable*> inputs) {
  Tape* tape = recording(inputs);
  if (!tape) return Variable(std::move(sum));
  Variable out = Variable::leaf(std::move(sum));
  std::vector<std::shared_ptr<Gradient>> gradients;
  for (const Variable* input : inputs)
    if (input->requires_gradient()) gradients.push_back(input->gradient());
  tape->record([gradients, dout = out.gradient()] {
    if (!dout->defined()) return;
    const Tensor d = dout->take();
    for (const auto& gradient : gradients) gradient->accumulate(d);
  });
  return out;
}

}  // namespace

Variable add(const Variable& a, const Variable& b) { return record_sum(ops::add(a.value(), b.value()), {&a, &b}); }

Variable add(const Variable& a, const Variable& b, const Variable& c) {
  return record_sum(ops::add(a.value(), b.value(), c.value()), {&a, &b, &c});
}

}  // namespace trm::functions
