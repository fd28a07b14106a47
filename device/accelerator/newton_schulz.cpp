// All matrices of one shape at once, in float32. A wide X is multiplied from the left, a tall one from the right, so
// that nothing is transposed in memory.
#include <algorithm>
#include <utility>

#include "device/accelerator/product.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

constexpr const char* op = "newton_schulz";

void combine(Context& context, const Tensor& x, const Tensor& y, float a, float b) {
  const Kernel& kernel = context.programs->kernel(newton_schulz_cl, "combine");
  launch(context, op, kernel, over_elements(context, kernel, x.elements()), x, y, a, b, x.elements());
}

void newton_schulz(const Tensor& offsets, int64_t rows, int64_t columns, NewtonSchulz s, float scale, Tensor& u) {
  const int64_t count = offsets.elements(), n = rows * columns, k = std::min(rows, columns), all = count * n;
  if (all == 0) return;
  const bool tall = rows > columns;
  Context& context = context_of(u);
  const auto scratch = [&](const Shape& shape) { return Tensor::empty(shape, DType::float32, u.device()); };
  Tensor x = scratch({count, rows, columns}), next = scratch({count, rows, columns});
  const Tensor a = scratch({count, k, k}), b = scratch({count, k, k}), norms = scratch({count});
  const Kernel &norm = context.programs->kernel(newton_schulz_cl, "norms"),
               &take = context.programs->kernel(newton_schulz_cl, "take"),
               &give = context.programs->kernel(newton_schulz_cl, "give");
  const size_t lanes = group_items(norm, 256);
  launch(context, op, norm, {{static_cast<size_t>(count), 1, 1}, {lanes, 1, 1}}, u, offsets, n, norms,
         LocalFloats{lanes});
  launch(context, op, take, over_elements(context, take, all), u, offsets, norms, x, n, all);
  for (int step = 0; step < s.steps; ++step) {
    const Operand wide{{&x}, columns, false, n}, flipped{{&x}, columns, true, n}, first{{&a}, k, false, k * k},
        second{{&b}, k, false, k * k}, result{{&next}, columns, false, n};
    const int64_t inner = tall ? rows : columns;
    multiply(context, op,
             {.m = k,
              .n = k,
              .k = inner,
              .a = tall ? flipped : wide,
              .b = tall ? wide : flipped,
              .out = first,
              .batch = count});
    multiply(context, op, {.m = k, .n = k, .k = k, .a = first, .b = first, .out = second, .batch = count});
    combine(context, a, b, s.b, s.c);
    multiply(context, op,
             {.m = rows,
              .n = columns,
              .k = k,
              .a = tall ? wide : second,
              .b = tall ? second : wide,
              .out = result,
              .batch = count});
    combine(context, x, next, s.a, 1);
    std::swap(x, next);
  }
  launch(context, op, give, over_elements(context, give, all), x, offsets, scale, u, n, all);
}

}  // namespace

const Registration registration([] { kernels::newton_schulz.set(DeviceKind::accelerator, newton_schulz); });

}  // namespace trm::accelerator
