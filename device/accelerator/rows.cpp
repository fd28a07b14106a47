#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) { return context.programs->kernel(rows_cl, name); }

void gather_rows(const Tensor& table, const Tensor& ids, Tensor& out) {
  Context& context = context_of(out);
  const Kernel& kernel = kernel_of(context, "gather_rows");
  launch(context, "gather_rows", kernel, over_elements(context, kernel, out.elements()), table, ids, out, out.size(0),
         out.size(1), table.size(0));
}

void drop_positions(const Tensor& x, Tensor& out) {
  Context& context = context_of(x);
  const Kernel& kernel = kernel_of(context, "drop_positions");
  launch(context, "drop_positions", kernel, over_elements(context, kernel, out.elements()), x, out, x.size(0),
         x.size(1) * x.size(2), out.size(1) * out.size(2));
}

void drop_positions_backward(const Tensor& dout, Tensor& dx) {
  Context& context = context_of(dx);
  const Kernel& kernel = kernel_of(context, "drop_positions_backward");
  launch(context, "drop_positions_backward", kernel, over_elements(context, kernel, dx.elements()), dout, dx,
         dx.size(0), dout.size(1) * dout.size(2), dx.size(1) * dx.size(2));
}

/// Strides and period in bytes.
void replace_rows(const char* op, const Tensor& halted, const Tensor& from, size_t stride, size_t period, Tensor& to) {
  if (to.elements() == 0) return;
  Context& context = context_of(to);
  const size_t row = to.bytes() / static_cast<size_t>(halted.elements());
  const bool words = (from.offset() | to.offset() | stride | period | row) % sizeof(cl_uint) == 0;
  const size_t unit = words ? sizeof(cl_uint) : 1;
  const auto count = [&](size_t bytes) { return static_cast<int64_t>(bytes / unit); };
  const Kernel& kernel = kernel_of(context, words ? "replace_words" : "replace_bytes");
  launch(context, op, kernel, over_elements(context, kernel, count(to.bytes())), halted, Bytes{&from, unit},
         Bytes{&to, unit}, halted.elements(), count(row), count(stride), count(period));
}

void reset_rows(const Tensor& halted, const Tensor& init, Tensor& z) {
  replace_rows("reset_rows", halted, init, 0, init.bytes(), z);
}

void select_rows(const Tensor& halted, const Tensor& incoming, Tensor& current) {
  const size_t row = current.elements() ? current.bytes() / static_cast<size_t>(current.size(0)) : 0;
  replace_rows("select_rows", halted, incoming, row, row, current);
}

}  // namespace

const Registration registration([] {
  kernels::gather_rows.set(DeviceKind::accelerator, gather_rows);
  set_float32(kernels::drop_positions, drop_positions);
  set_float32(kernels::drop_positions_backward, drop_positions_backward);
  kernels::reset_rows.set(DeviceKind::accelerator, reset_rows);
  kernels::select_rows.set(DeviceKind::accelerator, select_rows);
});

}  // namespace trm::accelerator
