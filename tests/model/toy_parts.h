#pragma once
// What ARCHITECTURE.md asks of someone who adds a mixer and a variant, done for two toys. Loops on the host: cpu,
// float32.
#include "model/mixers/mixers.h"
#include "model/recursions/recursions.h"

namespace trm::testing {

/// How often the kernel of any toy mixer was made.
inline int kernels_made = 0;

/// Causal, whatever arch.causal says. Sums earlier positions with one decay a feature: y_t = Σ_{s≤t} K[t-s] ∘ h_s, K[l]
/// = e^{-l·e^a} derived from a [D]. As a recurrence: y_t = e^{-e^a} ∘ y_{t-1} + h_t.
class DecayMixer final : public Mixer {
 public:
  DecayMixer(const std::string& prefix, Construction& c);
  bool sees_future() const override { return false; }
  Variable forward(const Variable& h) const override;
  DepthState empty_state(int64_t slots) const override {
    return {{Tensor::zeros({slots, 1, rate_.shape[0]}, DType::float32, cpu_device)}};
  }
  Tensor prefill(const Tensor& h, DepthState& state, const Pass& pass) const override;

 private:
  float eps_;
  Parameter &rate_, &kernel_;
};

/// z_H = level(z_H), then level(z_H + x): the first has a single input, which is the carry itself.
class TwoLooks final : public Recursion {
 public:
  TwoLooks(const std::string& prefix, Construction& c)
      : Recursion(c.config), level_(add_level(c_.L_layers, prefix + ".L_level", c)) {}
  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const Pass& pass) const override {
    return {level_.forward({level_.forward({z[0]}, pass), x}, pass)};
  }
  std::vector<std::string> latent_names() const override { return {"z_H"}; }
  std::vector<std::string> init_names() const override { return {"H_init"}; }
  int depths() const override { return 2 * level_.layers(); }

 private:
  const Level& level_;
};

/// Makes both known, once.
void add_toys();

}  // namespace trm::testing
