#include <algorithm>
#include <cmath>
#include <vector>

#include "device/cpu/labels.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// -t log σ(x) - (1 - t) log(1 - σ(x)) without overflow; its derivative is σ(x) - t.
double binary_cross_entropy(double x, double t) {
  return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void act_loss(const Tensor& q, const Tensor* target, const Tensor& loss, const Tensor& preds, const Tensor& labels,
              const Tensor& counts, const Tensor& steps, const Tensor& halted, float q_scale, Tensor& dq,
              Tensor& metrics) {
  const int64_t B = labels.size(0), S = labels.size(1);
  double sums[Metric::count] = {};
  for (int64_t b = 0; b < B; ++b) {
    const int32_t *label = labels.data<int32_t>() + b * S, *pred = preds.data<int32_t>() + b * S;
    const float* token_loss = loss.data<float>() + b * S;
    const int32_t count = counts.data<int32_t>()[b];
    int32_t correct = 0;
    double row_loss = 0;
    for (int64_t s = 0; s < S; ++s) {
      correct += label[s] != ignored_label && label[s] == pred[s];
      row_loss += token_loss[s];
    }
    const bool right = correct == count;
    const float stop = q.data<float>()[2 * b], go_on = q.data<float>()[2 * b + 1];
    float* gradient = dq.data<float>() + 2 * b;
    gradient[0] = static_cast<float>(q_scale * (sigmoid(stop) - right));
    gradient[1] = 0;
    sums[Metric::lm_loss] += row_loss / std::max(count, 1);
    sums[Metric::q_halt_loss] += binary_cross_entropy(stop, right);
    sums[Metric::valid_tokens] += count;
    if (target) {
      const double wanted = target->data<float>()[b];
      gradient[1] = static_cast<float>(q_scale * (sigmoid(go_on) - wanted));
      sums[Metric::q_continue_loss] += binary_cross_entropy(go_on, wanted);
    }
    if (count == 0) continue;
    sums[Metric::counted_q_halt_loss] += binary_cross_entropy(stop, right);
    if (target) sums[Metric::counted_q_continue_loss] += binary_cross_entropy(go_on, target->data<float>()[b]);
    if (!halted.data<uint8_t>()[b]) continue;
    sums[Metric::rows] += 1;
    sums[Metric::accuracy] += static_cast<double>(correct) / count;
    sums[Metric::exact_accuracy] += right;
    sums[Metric::q_halt_accuracy] += (stop >= 0) == right;
    sums[Metric::steps] += steps.data<int32_t>()[b];
  }
  for (int slot = 0; slot < Metric::count; ++slot) metrics.data<float>()[slot] += static_cast<float>(sums[slot]);
}

}  // namespace

const Registration registration([] { kernels::act_loss.set(DeviceKind::cpu, act_loss); });

}  // namespace trm::cpu
