// linear and token_linear with their gradients. Token products are batched with the weight on the left, so nothing is
// transposed in memory.
#include <algorithm>

#include "device/accelerator/product.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

constexpr int64_t few = 8, most_part_elements = int64_t{16} << 20;

/// Sums are made in the same order for each row, however many there are.
void linear_apart(const Tensor& x, const Weight& w, Tensor& y) {
  Context& context = context_of(x);
  if (y.elements() == 0) return;
  const Kernel& kernel = context.programs->kernel(few_rows_cl, "few_rows");
  const RowGrid grid = over_rows(context, kernel, w.out(), w.in());
  launch(context, "linear", kernel, grid.grid, x, w.value, y, static_cast<int32_t>(x.size(0)),
         static_cast<int32_t>(w.out()), static_cast<int32_t>(w.in()), grid.scratch());
}

void linear(const Tensor& x, const Weight& w, Tensor& y) {
  Context& context = context_of(x);
  const int64_t rows = x.size(0);
  if (rows <= few) return linear_apart(x, w, y);
  if (y.elements() == 0) return;
  multiply(context, "linear",
           {.m = rows,
            .n = w.out(),
            .k = w.in(),
            .a = {{&x}, w.in()},
            .b = {{&w.value}, w.in(), true},
            .out = {{&y}, w.out()}});
}

void linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  multiply(context_of(dy), "linear_backward_input",
           {.m = dy.size(0),
            .n = w.in(),
            .k = w.out(),
            .a = {{&dy}, w.out()},
            .b = {{&w.value}, w.in()},
            .out = {{&dx}, w.in()},
            .accumulate = accumulate});
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  const int64_t out = dw.size(0), in = dw.size(1);
  if (x.size(0) == 0) return;
  multiply_long(context_of(dy), "linear_backward_weight",
                {.m = out, .n = in, .k = x.size(0), .a = {{&dy}, out, true}, .b = {{&x}, in}, .out = {{&dw}, in}});
}

void token_linear(const Tensor& x, const Weight& w, Tensor& y) {
  const int64_t out = w.out(), in = w.in(), width = x.size(2);
  multiply(context_of(x), "token_linear",
           {.m = out,
            .n = width,
            .k = in,
            .a = {{&w.value}, in},
            .b = {{&x}, width, false, in * width},
            .out = {{&y}, width, false, out * width},
            .batch = x.size(0)});
}

void token_linear_backward_input(const Tensor& dy, const Weight& w, Tensor& dx, bool accumulate) {
  const int64_t out = w.out(), in = w.in(), width = dy.size(2);
  multiply(context_of(dy), "token_linear_backward_input",
           {.m = in,
            .n = width,
            .k = out,
            .a = {{&w.value}, in, true},
            .b = {{&dy}, width, false, out * width},
            .out = {{&dx}, width, false, in * width},
            .accumulate = accumulate,
            .batch = dy.size(0)});
}

/// The examples' products side by side, then added in order.
void token_linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw) {
  Context& context = context_of(dy);
  const int64_t out = dw.size(0), in = dw.size(1), width = x.size(2), batch = x.size(0);
  if (x.elements() == 0 || dw.elements() == 0) return;
  const int64_t most = std::clamp<int64_t>(most_part_elements / dw.elements(), 1, batch);
  const Tensor parts = Tensor::empty({most, out, in}, DType::float32, dw.device());
  for (int64_t first = 0; first < batch; first += most) {
    const int64_t count = std::min(most, batch - first);
    multiply(context, "token_linear_backward_weight",
             {.m = out,
              .n = in,
              .k = width,
              .a = {{&dy, first * out * width}, width, false, out * width},
              .b = {{&x, first * in * width}, width, true, in * width},
              .out = {{&parts}, in, false, out * in},
              .batch = count});
    add_parts(context, "token_linear_backward_weight", parts, count, out * in, {&dw});
  }
}

}  // namespace

const Registration registration([] {
  set_float32(kernels::linear, linear);
  set_float32(kernels::linear_apart, linear_apart);
  set_float32(kernels::linear_backward_input, linear_backward_input);
  set_float32(kernels::linear_backward_weight, linear_backward_weight);
  set_float32(kernels::token_linear, token_linear);
  set_float32(kernels::token_linear_backward_input, token_linear_backward_input);
  set_float32(kernels::token_linear_backward_weight, token_linear_backward_weight);
});

}  // namespace trm::accelerator
