#include <algorithm>

#include "device/cpu/cpu_platform.h"
#include "device/cpu/labels.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void label_counts(const Tensor& labels, float grad_scale, Tensor& counts, Tensor& scale) {
  const int64_t B = labels.size(0), S = labels.size(1);
  const int32_t* label = labels.data<int32_t>();
  int32_t* count = counts.data<int32_t>();
  float* to = scale.data<float>();
  for (int64_t b = 0; b < B; ++b) {
    count[b] = static_cast<int32_t>(S - std::count(label + b * S, label + (b + 1) * S, ignored_label));
    to[b] = grad_scale / static_cast<float>(std::max(count[b], 1));
  }
}

}  // namespace

const Registration registration([] { kernels::label_counts.set(DeviceKind::cpu, label_counts); });

}  // namespace trm::cpu
