// Losses of the q head and the metrics: a warp a row finds what the row adds, then one block sums the rows in a fixed
// order, in float64.
#include "device/cuda/cross_entropy.cuh"
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int rows_per_block = 8, sum_threads = 256;

struct ActRows {
  const float *q, *target, *loss;  // target null where there is none
  const int32_t *preds, *labels, *counts, *steps;
  const uint8_t* halted;
  float q_scale;
  int64_t B, S;
};

/// -t log σ(x) - (1 - t) log(1 - σ(x)) without overflow; its derivative is σ(x) - t.
__device__ double binary_cross_entropy(double x, double t) { return fmax(x, 0.0) - x * t + log1p(exp(-fabs(x))); }
__device__ double exact_sigmoid(double x) { return 1 / (1 + exp(-x)); }

/// rows [B, Metric::count]: what each row adds to the metrics
__global__ void rows_kernel(ActRows r, float* dq, float* rows) {
  const int64_t b = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size;
  if (b >= r.B) return;
  int32_t correct = 0;
  float row_loss = 0;
  for (int64_t s = threadIdx.x % warp_size; s < r.S; s += warp_size) {
    const int32_t label = r.labels[b * r.S + s];
    correct += label != ignored_label && label == r.preds[b * r.S + s];
    row_loss += r.loss[b * r.S + s];
  }
  correct = __reduce_add_sync(all_lanes, correct);
  row_loss = warp_sum(row_loss);
  if (threadIdx.x % warp_size != 0) return;
  const int32_t count = r.counts[b];
  const bool right = correct == count;
  const double stop = r.q[2 * b], go_on = r.q[2 * b + 1];
  float* to = rows + b * Metric::count;
  for (int i = 0; i < Metric::count; ++i) to[i] = 0;
  dq[2 * b] = static_cast<float>(r.q_scale * (exact_sigmoid(stop) - (right ? 1.0 : 0.0)));
  dq[2 * b + 1] = 0;
  to[Metric::lm_loss] = row_loss / static_cast<float>(max(count, 1));
  to[Metric::q_halt_loss] = static_cast<float>(binary_cross_entropy(stop, right ? 1.0 : 0.0));
  to[Metric::valid_tokens] = static_cast<float>(count);
  if (r.target) {
    const double wanted = r.target[b];
    dq[2 * b + 1] = static_cast<float>(r.q_scale * (exact_sigmoid(go_on) - wanted));
    to[Metric::q_continue_loss] = static_cast<float>(binary_cross_entropy(go_on, wanted));
  }
  if (count == 0) return;
  to[Metric::counted_q_halt_loss] = to[Metric::q_halt_loss];
  to[Metric::counted_q_continue_loss] = to[Metric::q_continue_loss];
  if (!r.halted[b]) return;
  to[Metric::rows] = 1;
  to[Metric::accuracy] = static_cast<float>(correct) / static_cast<float>(count);
  to[Metric::exact_accuracy] = right;
  to[Metric::q_halt_accuracy] = (stop >= 0) == right;
  to[Metric::steps] = static_cast<float>(r.steps[b]);
}

/// Block (metric)
__global__ void sum_rows_kernel(const float* rows, float* metrics, int64_t B) {
  __shared__ double shared[sum_threads];
  double sum = 0;
  for (int64_t b = threadIdx.x; b < B; b += sum_threads) sum += rows[b * Metric::count + blockIdx.x];
  shared[threadIdx.x] = sum;
  for (int half = sum_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  if (threadIdx.x == 0) metrics[blockIdx.x] += static_cast<float>(shared[0]);
}

void act_loss(const Tensor& q, const Tensor* target, const Tensor& loss, const Tensor& preds, const Tensor& labels,
              const Tensor& counts, const Tensor& steps, const Tensor& halted, float q_scale, Tensor& dq,
              Tensor& metrics) {
  const int64_t B = labels.size(0);
  if (B == 0) return;
  Context& context = context_of(q);
  const ActRows r{elements<float>(q),
                  target ? elements<float>(*target) : nullptr,
                  elements<float>(loss),
                  elements<int32_t>(preds),
                  elements<int32_t>(labels),
                  elements<int32_t>(counts),
                  elements<int32_t>(steps),
                  elements<uint8_t>(halted),
                  q_scale,
                  B,
                  labels.size(1)};
  const Tensor rows = Tensor::empty({B, Metric::count}, DType::float32, q.device());
  rows_kernel<<<blocks_for(B, rows_per_block), rows_per_block * warp_size, 0, context.stream>>>(r, elements<float>(dq),
                                                                                                elements<float>(rows));
  sum_rows_kernel<<<Metric::count, sum_threads, 0, context.stream>>>(elements<float>(rows), elements<float>(metrics),
                                                                     B);
  launched("act_loss");
}

}  // namespace

const Registration registration([] { kernels::act_loss.set(DeviceKind::cuda, act_loss); });

}  // namespace trm::cuda
