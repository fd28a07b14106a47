#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void rope(Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor* offsets, int heads, bool inverse) {
  if (qkv.elements() == 0) return;
  Context& context = context_of(qkv);
  const Kernel& kernel = context.programs->kernel(rope_cl, "rope");
  const int64_t rows = qkv.size(0) * qkv.size(1), half = qkv.size(2) / (6 * heads);
  launch(context, "rope", kernel, over_elements(context, kernel, rows * 2 * heads * half), qkv, cos, sin, offsets, rows,
         qkv.size(1), cos.size(0), int64_t{heads}, half, inverse ? -1.0f : 1.0f);
}

}  // namespace

const Registration registration([] { set_float32(kernels::rope, rope); });

}  // namespace trm::accelerator
