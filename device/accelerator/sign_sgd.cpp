#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

constexpr const char* op = "sign_sgd";

// An id that is not in the table is passed over: to refuse it, as the cpu does, the host would have to wait.
void sign_sgd(const Tensor& rows, const Tensor& ids, const Tensor& control, const Tensor& rates, float weight_decay,
              Tensor& table) {
  const int64_t R = ids.elements(), P = table.size(0), W = table.size(1);
  if (R == 0 || table.elements() == 0) return;
  Context& context = context_of(rows);
  const std::string options = " -DAPPLY=" + std::to_string(Control::apply) + " -DLR=" + std::to_string(Rate::lr);
  const Kernel &link = context.programs->kernel(sign_sgd_cl, "link_rows", options),
               &update = context.programs->kernel(sign_sgd_cl, "sign_sgd", options);
  const Tensor next = Tensor::empty({R}, DType::int32, rows.device()),
               later = Tensor::empty({R}, DType::int32, rows.device());
  launch(context, op, link, over_elements(context, link, R), ids, next, later, R);
  launch(context, op, update, {{static_cast<size_t>(R), 1, 1}, {group_items(update, 64), 1, 1}}, rows, ids, next, later,
         control, rates, weight_decay, table, R, W, P);
}

}  // namespace

const Registration registration([] { kernels::sign_sgd.set(DeviceKind::accelerator, sign_sgd); });

}  // namespace trm::accelerator
