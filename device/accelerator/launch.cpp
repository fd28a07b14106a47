#include "device/accelerator/launch.h"

#include <algorithm>
#include <bit>

#include "device/errors.h"

namespace trm::accelerator {
namespace {

constexpr size_t wanted_items = 256, groups_per_unit = 64;

}  // namespace

size_t group_items(const Kernel& kernel, size_t wanted) { return std::bit_floor(std::min(wanted, kernel.group_limit)); }

void require_items(const Context& context, const Kernel& kernel, size_t items) {
  if (items <= kernel.group_limit) return;
  throw DeviceError(std::string("accelerator: ") + kernel.name + " needs work-groups of " + std::to_string(items) +
                    " items, and " + context.name + " allows it " + std::to_string(kernel.group_limit));
}

Grid over_elements(const Context& context, const Kernel& kernel, int64_t n) {
  Grid grid;
  grid.items[0] = group_items(kernel, wanted_items);
  grid.groups[0] = std::min(divide_up(n, grid.items[0]), size_t{groups_per_unit} * context.units);
  return grid;
}

RowGrid over_rows(const Context& context, const Kernel& kernel, int64_t rows, int64_t width) {
  // On a CPU a group is a loop over its items: no more of them than fill a vector register.
  const size_t items = group_items(kernel, context.cpu ? std::max(8u, context.vector_width) : wanted_items);
  RowGrid result;
  result.lanes = std::clamp<size_t>(std::bit_floor(static_cast<size_t>(std::max<int64_t>(width / 4, 1))), 1, items);
  result.rows = std::min(items / result.lanes, context.row_limit);
  result.grid.items = {result.lanes, result.rows, 1};
  result.grid.groups = {divide_up(rows, result.rows), 1, 1};
  return result;
}

namespace detail {

void set_argument(const Kernel& kernel, cl_uint index, size_t bytes, const void* value) {
  const cl_int result = clSetKernelArg(kernel.handle, index, bytes, value);
  if (result != CL_SUCCESS)
    throw DeviceError(std::string("accelerator: argument ") + std::to_string(index) + " of " + kernel.name +
                      " is refused: " + error_name(result));
}

void enqueue(Context& context, const char* op, const Kernel& kernel, const Grid& grid) {
  std::array<size_t, 3> all{};
  for (int i = 0; i < 3; ++i) all[i] = grid.groups[i] * grid.items[i];
  const cl_int result = clEnqueueNDRangeKernel(context.queue, kernel.handle, 3, nullptr, all.data(), grid.items.data(),
                                               0, nullptr, nullptr);
  if (result != CL_SUCCESS)
    check(result, (std::string(op) + ": clEnqueueNDRangeKernel of " + kernel.name).c_str());
}

}  // namespace detail
}  // namespace trm::accelerator
