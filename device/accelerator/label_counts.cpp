#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void label_counts(const Tensor& labels, float grad_scale, Tensor& counts, Tensor& scale) {
  Context& context = context_of(labels);
  const Kernel& kernel = context.programs->kernel(label_counts_cl, "label_counts");
  const RowGrid grid = over_rows(context, kernel, labels.size(0), labels.size(1));
  launch(context, "label_counts", kernel, grid.grid, labels, grad_scale, counts, scale, labels.size(0), labels.size(1),
         grid.scratch());
}

}  // namespace

const Registration registration([] { kernels::label_counts.set(DeviceKind::accelerator, label_counts); });

}  // namespace trm::accelerator
