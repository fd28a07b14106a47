#include <algorithm>

#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

constexpr const char* op = "sum_of_squares";
constexpr int64_t most_groups = 512, shortest_part = 2048;

void sum_of_squares(const Tensor& x, Tensor& out) {
  Context& context = context_of(x);
  const auto groups = static_cast<size_t>(std::clamp<int64_t>(x.elements() / shortest_part, 1, most_groups));
  const Tensor parts = Tensor::empty({static_cast<int64_t>(groups)}, DType::float32, x.device());
  const Kernel &squares = context.programs->kernel(sum_of_squares_cl, "squares"),
               &sum = context.programs->kernel(sum_of_squares_cl, "sum_squares");
  const size_t items = group_items(squares, 256), last = group_items(sum, 256);
  launch(context, op, squares, {{groups, 1, 1}, {items, 1, 1}}, x, parts, x.elements(), LocalFloats{items});
  launch(context, op, sum, {{1, 1, 1}, {last, 1, 1}}, parts, static_cast<int64_t>(groups), out, LocalFloats{last});
}

}  // namespace

const Registration registration([] { kernels::sum_of_squares.set(DeviceKind::accelerator, sum_of_squares); });

}  // namespace trm::accelerator
