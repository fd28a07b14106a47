#include "autograd/functions.h"
#include "autograd/tape.h"

namespace trm::functions {

Variable q_head(const Variable& z, Parameter& weight, Parameter& bias, const Tensor& positions) {
  Tape* tape = recording({&z}, weight.trained());
  Tensor value = ops::q_head(z.value(), weight.master, bias.master, positions ? &positions : nullptr);
  if (!tape) return Variable(std::move(value));

  Variable q = Variable::leaf(std::move(value));
  tape->record([z, gradient = q.gradient(), positions, &weight, &bias] {
    if (!gradient->defined()) return;
    // What is frozen still passes the kernel a place to add to.
    const auto scratch = [&](const Shape& shape, DType dtype) {
      return Tensor::zeros(shape, dtype, z.value().device());
    };
    Tensor dw = weight.trained() ? weight.gradient : scratch(weight.shape, DType::float32),
           db = bias.trained() ? bias.gradient : scratch(bias.shape, DType::float32);
    // One position of each row: added to what the others have given.
    Tensor dz =
        z.requires_gradient() ? z.gradient()->in_place(z.value()) : scratch(z.value().shape(), z.value().dtype());
    ops::q_head_backward(gradient->take(), z.value(), weight.master, positions ? &positions : nullptr, dz, dw, db);
  });
  return q;
}

}  // namespace trm::functions
