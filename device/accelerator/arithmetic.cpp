#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/backend.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

const Kernel& kernel_of(Context& context, const char* name) { return context.programs->kernel(arithmetic_cl, name); }

void cast(const Tensor& in, Tensor& out) {
  if (in.dtype() == out.dtype()) return Backend::of(in.device()).copy_within(out, in);
  Context& context = context_of(out);
  const Kernel& kernel = kernel_of(context, out.dtype() == DType::bfloat16 ? "narrow" : "widen");
  launch(context, "cast", kernel, over_elements(context, kernel, out.elements()), in, out, out.elements());
}

void add(const Tensor& a, const Tensor& b, Tensor& out) {
  Context& context = context_of(out);
  const Kernel& kernel = kernel_of(context, "add");
  launch(context, "add", kernel, over_elements(context, kernel, out.elements()), a, b, out, out.elements());
}

void add3(const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out) {
  Context& context = context_of(out);
  const Kernel& kernel = kernel_of(context, "add3");
  launch(context, "add3", kernel, over_elements(context, kernel, out.elements()), a, b, c, out, out.elements());
}

}  // namespace

const Registration registration([] {
  kernels::cast.set(DeviceKind::accelerator, cast);
  set_float32(kernels::add, add);
  set_float32(kernels::add3, add3);
});

}  // namespace trm::accelerator
