#include "tests/model/toy_parts.h"

#include <cmath>

#include "autograd/tape.h"

namespace trm::testing {
namespace {

/// over(b, t, s, d) for all s ≤ t of h [B, N, D]
template <class F>
void causal_pairs(const Shape& shape, const F& over) {
  for (int64_t b = 0; b < shape[0]; ++b)
    for (int64_t t = 0; t < shape[1]; ++t)
      for (int64_t s = 0; s <= t; ++s)
        for (int64_t d = 0; d < shape[2]; ++d)
          over((b * shape[1] + t) * shape[2] + d, (b * shape[1] + s) * shape[2] + d, (t - s) * shape[2] + d);
}

Variable convolve(const Variable& h, Parameter& kernel) {
  Tape* tape = recording({&h}, kernel.trained());
  Tensor y = Tensor::zeros(h.value().shape(), DType::float32, cpu_device);
  const float* k = kernel.master.data<float>();
  causal_pairs(y.shape(), [&](int64_t to, int64_t from, int64_t lag) {
    y.data<float>()[to] += k[lag] * h.value().data<float>()[from];
  });
  if (!tape) return Variable(y);
  Variable out = Variable::leaf(y);
  tape->record([h, gradient = out.gradient(), &kernel] {
    if (!gradient->defined()) return;
    const Tensor dy = gradient->take();
    Tensor dh = Tensor::zeros(dy.shape(), DType::float32, cpu_device);
    const float *k = kernel.master.data<float>(), *g = dy.data<float>();
    causal_pairs(dy.shape(), [&](int64_t to, int64_t from, int64_t lag) {
      dh.data<float>()[from] += k[lag] * g[to];
      kernel.gradient.data<float>()[lag] += h.value().data<float>()[from] * g[to];
    });
    if (h.requires_gradient()) h.gradient()->accumulate(dh);
  });
  return out;
}

float decay(float rate, int64_t lag) { return std::exp(-static_cast<float>(lag) * std::exp(rate)); }

/// The declaration of a: then the kernel can name it.
Parameter& derive_kernel(const std::string& prefix, Construction& c, Parameter& rate) {
  const int64_t N = c.config.positions(), D = c.config.hidden_size;
  return c.store.derive(prefix + ".decay.kernel", {N, D}, ParameterUse::master,
                        {[N, D, &rate](Tensor& value) {
                           ++kernels_made;
                           for (int64_t i = 0; i < N * D; ++i)
                             value.data<float>()[i] = decay(rate.master.data<float>()[i % D], i / D);
                         },
                         [N, D, &rate](const Tensor& gradient) {
                           for (int64_t i = 0; i < N * D; ++i) {
                             const float a = rate.master.data<float>()[i % D];
                             rate.gradient.data<float>()[i % D] -=
                                 gradient.data<float>()[i] * decay(a, i / D) * static_cast<float>(i / D) * std::exp(a);
                           }
                         }});
}

}  // namespace

DecayMixer::DecayMixer(const std::string& prefix, Construction& c)
    : eps_(c.config.rms_norm_eps),
      rate_(c.store.add(prefix + ".decay.rate", {c.config.hidden_size}, ParameterUse::master, ParameterRole::vector,
                        c.initializer.truncated_normal(c.config.hidden_size, 0.5))),
      kernel_(derive_kernel(prefix, c, rate_)) {}

Variable DecayMixer::forward(const Variable& h) const {
  return functions::residual_rms_norm(convolve(h, kernel_), h, eps_);
}

Tensor DecayMixer::prefill(const Tensor& h, DepthState& state, const Pass& pass) const {
  const int64_t rows = h.size(0), T = h.size(1), D = h.size(2);
  Tensor y = Tensor::zeros(h.shape(), DType::float32, cpu_device);
  for (int64_t b = 0; b < rows; ++b) {
    const int32_t slot = pass.slots->data<int32_t>()[b];
    for (int64_t i = 0; slot >= 0 && i < T * D; ++i) {
      float& sum = state.tensors[0].data<float>()[slot * D + i % D];
      sum = decay(rate_.master.data<float>()[i % D], 1) * sum + h.data<float>()[b * T * D + i];
      y.data<float>()[b * T * D + i] = sum;
    }
  }
  return ops::residual_rms_norm(y, h, eps_, nullptr);
}

void add_toys() {
  [[maybe_unused]] static const bool once = [] {
    mixers::add({.name = "decay"}, {[](const std::string& prefix, Construction& c) -> std::unique_ptr<Mixer> {
                                      return std::make_unique<DecayMixer>(prefix, c);
                                    },
                                    [](const ModelConfig& c) { return int64_t{c.hidden_size}; }});
    add_recursion({.name = "two_looks"}, [](const std::string& prefix, Construction& c) -> std::unique_ptr<Recursion> {
      return std::make_unique<TwoLooks>(prefix, c);
    });
    return true;
  }();
}

}  // namespace trm::testing
