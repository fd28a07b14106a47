#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "device/kernels.h"

namespace trm::cpu {
namespace {

void sign_sgd(const Tensor& rows, const Tensor& ids, const Tensor& control, const Tensor& rates, float weight_decay,
              Tensor& table) {
  const int64_t R = ids.elements(), P = table.size(0), W = table.size(1);
  const float lr = rates.data<float>()[Rate::lr], decay = 1 - lr * weight_decay;
  const int32_t* id = ids.data<int32_t>();
  for (int64_t r = 0; r < R; ++r)
    if (id[r] < 0 || id[r] >= P)
      throw DeviceError("sign_sgd: puzzle " + std::to_string(id[r]) + " is not in 0 to " + std::to_string(P - 1));
  if (control.data<float>()[Control::apply] == 0) return;
  std::vector<int64_t> order(R);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return id[a] < id[b]; });
  std::vector<int64_t> starts;  // of the groups of equal ids in `order`
  for (int64_t i = 0; i < R; ++i)
    if (i == 0 || id[order[i]] != id[order[i - 1]]) starts.push_back(i);
  starts.push_back(R);
  const auto groups = static_cast<int64_t>(starts.size()) - 1;
#pragma omp parallel for if (R * W > 1 << 14)
  for (int64_t group = 0; group < groups; ++group) {
    constexpr int64_t columns = 256;
    float* row = table.data<float>() + id[order[starts[group]]] * W;
    for (int64_t first = 0; first < W; first += columns) {
      const int64_t count = std::min(columns, W - first);
      float sum[columns] = {};
      for (int64_t i = starts[group]; i < starts[group + 1]; ++i)
        for (int64_t d = 0; d < count; ++d) sum[d] += rows.data<float>()[order[i] * W + first + d];
      for (int64_t d = 0; d < count; ++d)
        row[first + d] = row[first + d] * decay - lr * static_cast<float>((sum[d] > 0) - (sum[d] < 0));
    }
  }
}

}  // namespace

const Registration registration([] { kernels::sign_sgd.set(DeviceKind::cpu, sign_sgd); });

}  // namespace trm::cpu
