// sum_of_squares, plan_update, adamw, adam_atan2, ema_update. The step's numbers stay on the device.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;
constexpr int64_t most_parts = 1024;

/// Sum over the block in a fixed order, for thread 0.
__device__ double ordered_sum(double x) {
  __shared__ double shared[threads];
  shared[threadIdx.x] = x;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  return shared[0];
}

/// Each block sums a fixed stride of packs. Short float32 runs are added up in float64.
template <int N>
__global__ void squares_kernel(const float* x, double* parts, int64_t n) {
  double sum = 0;
  const int64_t first = int64_t{blockIdx.x} * threads + threadIdx.x, stride = int64_t{gridDim.x} * threads,
                packs = n / N;
#pragma unroll 4
  for (int64_t i = first; i < packs; i += stride) {
    const auto v = reinterpret_cast<const Pack<float, N>*>(x)[i];
    float square = 0;
#pragma unroll
    for (int j = 0; j < N; ++j) square += v.v[j] * v.v[j];
    sum += square;
  }
  for (int64_t i = packs * N + first; i < n; i += stride) sum += x[i] * x[i];
  sum = ordered_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

__global__ void sum_parts_kernel(const double* parts, int count, float* out) {
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += threads) sum += parts[i];
  sum = ordered_sum(sum);
  if (threadIdx.x == 0) *out = static_cast<float>(sum);
}

__global__ void plan_kernel(UpdatePlan plan, const float* square, const float* puzzle_square, int64_t* counters,
                            float* control) {
  const float dense = *square, puzzle = puzzle_square ? *puzzle_square : 0.0f;
  const bool apply = isfinite(dense) && isfinite(puzzle);
  ++counters[Counter::step];
  if (!apply) ++counters[Counter::skipped];
  if (apply && !plan.frozen) ++counters[Counter::adam_t];
  const double norm = sqrt(static_cast<double>(dense));
  const auto t = static_cast<double>(max(counters[Counter::adam_t], int64_t{1}));
  control[Control::clip] =
      plan.grad_clip_norm > 0 ? static_cast<float>(fmin(1.0, plan.grad_clip_norm / (norm + 1e-6))) : 1.0f;
  control[Control::grad_norm] = static_cast<float>(norm);
  control[Control::apply] = apply ? 1.0f : 0.0f;
  control[Control::bias1] = static_cast<float>(1 - pow(static_cast<double>(plan.beta1), t));
  control[Control::bias2] = static_cast<float>(1 - pow(static_cast<double>(plan.beta2), t));
}

struct AdamBuffers {
  const float *g, *control, *rates;
  float *p, *m, *v, *ema;
  __nv_bfloat16* narrow;
  int64_t n;
};

/// m, v, then p, then the moving average and the bfloat16 copy, in one pass.
template <bool atan2_step, int N>
__global__ void adam_kernel(AdamBuffers b, AdamSettings adam) {
  if (b.control[Control::apply] == 0) return;
  const float clip = b.control[Control::clip], lr = b.rates[Rate::lr], decay = 1 - lr * adam.weight_decay;
  const float rate = lr / b.control[Control::bias1], root = sqrtf(b.control[Control::bias2]), kept = b.rates[Rate::ema];
  const int64_t packs = b.n / N;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < packs; i += int64_t{gridDim.x} * threads) {
    const auto g = reinterpret_cast<const Pack<float, N>*>(b.g)[i];
    auto p = reinterpret_cast<Pack<float, N>*>(b.p)[i], m = reinterpret_cast<Pack<float, N>*>(b.m)[i],
         v = reinterpret_cast<Pack<float, N>*>(b.v)[i];
    Pack<float, N> ema{};
    Pack<__nv_bfloat16, N> narrow;
    if (b.ema) ema = reinterpret_cast<Pack<float, N>*>(b.ema)[i];
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float x = g.v[j] * clip;
      m.v[j] += (1 - adam.beta1) * (x - m.v[j]);
      v.v[j] = adam.beta2 * v.v[j] + (1 - adam.beta2) * x * x;
      const float scaled = sqrtf(v.v[j]) / root;
      const float step = atan2_step ? rate * atan2f(m.v[j], scaled) : rate * m.v[j] / (scaled + adam.eps);
      p.v[j] = p.v[j] * decay - step;
      ema.v[j] = kept * ema.v[j] + (1 - kept) * p.v[j];
      narrow.v[j] = __float2bfloat16_rn(p.v[j]);
    }
    reinterpret_cast<Pack<float, N>*>(b.p)[i] = p;
    reinterpret_cast<Pack<float, N>*>(b.m)[i] = m;
    reinterpret_cast<Pack<float, N>*>(b.v)[i] = v;
    if (b.ema) reinterpret_cast<Pack<float, N>*>(b.ema)[i] = ema;
    if (b.narrow) reinterpret_cast<Pack<__nv_bfloat16, N>*>(b.narrow)[i] = narrow;
  }
}

__global__ void ema_kernel(const float* p, const float* control, const float* rates, float* ema, __nv_bfloat16* narrow,
                           int64_t n) {
  if (control[Control::apply] == 0) return;
  const float kept = rates[Rate::ema];
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    if (ema) ema[i] = kept * ema[i] + (1 - kept) * p[i];
    if (narrow) narrow[i] = __float2bfloat16_rn(p[i]);
  }
}

void sum_of_squares(const Tensor& x, Tensor& out) {
  Context& context = context_of(x);
  const int64_t n = x.elements();
  const auto count = static_cast<unsigned>(std::clamp<int64_t>(n / 4096, 1, most_parts));
  const Tensor parts = Tensor::empty({count, 2}, DType::float32, x.device());  // float64 values
  const auto kernel = aligned16(x) ? squares_kernel<4> : squares_kernel<1>;
  kernel<<<count, threads, 0, context.stream>>>(elements<float>(x), elements<double>(parts), n);
  sum_parts_kernel<<<1, threads, 0, context.stream>>>(elements<double>(parts), static_cast<int>(count),
                                                      elements<float>(out));
  launched("sum_of_squares");
}

void plan_update(const UpdatePlan& plan, const Tensor& square, const Tensor* puzzle_square, Tensor& counters,
                 Tensor& control) {
  plan_kernel<<<1, 1, 0, context_of(square).stream>>>(plan, elements<float>(square),
                                                      puzzle_square ? elements<float>(*puzzle_square) : nullptr,
                                                      elements<int64_t>(counters), elements<float>(control));
  launched("plan_update");
}

template <bool atan2_step>
void adam(const char* op, const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings,
          Tensor& p, Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  if (g.elements() == 0) return;
  Context& context = context_of(g);
  const AdamBuffers b{elements<float>(g),
                      elements<float>(control),
                      elements<float>(rates),
                      elements<float>(p),
                      elements<float>(m),
                      elements<float>(v),
                      ema ? elements<float>(*ema) : nullptr,
                      narrow ? elements<__nv_bfloat16>(*narrow) : nullptr,
                      g.elements()};
  const bool wide = b.n % 4 == 0 && aligned16(g) && aligned16(p) && aligned16(m) && aligned16(v) &&
                    (!ema || aligned16(*ema)) && (!narrow || aligned16(*narrow));
  const auto kernel = wide ? adam_kernel<atan2_step, 4> : adam_kernel<atan2_step, 1>;
  kernel<<<blocks_for(b.n / (wide ? 4 : 1), threads, 32 * context.multiprocessors), threads, 0, context.stream>>>(
      b, settings);
  launched(op);
}

void adamw(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, Tensor& p,
           Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  adam<false>("adamw", g, control, rates, settings, p, m, v, ema, narrow);
}
void adam_atan2(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings, Tensor& p,
                Tensor& m, Tensor& v, Tensor* ema, Tensor* narrow) {
  adam<true>("adam_atan2", g, control, rates, settings, p, m, v, ema, narrow);
}

void ema_update(const Tensor& p, const Tensor& control, const Tensor& rates, Tensor* ema, Tensor* narrow) {
  const int64_t n = p.elements();
  if (n == 0) return;
  Context& context = context_of(p);
  ema_kernel<<<blocks_for(n, threads, 32 * context.multiprocessors), threads, 0, context.stream>>>(
      elements<float>(p), elements<float>(control), elements<float>(rates), ema ? elements<float>(*ema) : nullptr,
      narrow ? elements<__nv_bfloat16>(*narrow) : nullptr, n);
  launched("ema_update");
}

}  // namespace

const Registration registration([] {
  kernels::sum_of_squares.set(DeviceKind::cuda, sum_of_squares);
  kernels::plan_update.set(DeviceKind::cuda, plan_update);
  kernels::adamw.set(DeviceKind::cuda, adamw);
  kernels::adam_atan2.set(DeviceKind::cuda, adam_atan2);
  kernels::ema_update.set(DeviceKind::cuda, ema_update);
});

}  // namespace trm::cuda
