#pragma once
#include "device/ops.h"
#include "optimizer/update_rule.h"

namespace trm {

/// What AdamW and Adam-atan2 share: two moments, and one pass that also writes the copies.
class Adam : public UpdateRule {
 public:
  using Op = void(const Tensor& g, const Tensor& control, const Tensor& rates, const AdamSettings& settings,
                  ops::AdamState& state);
  Adam(Op* op, const OptimizerSettings& settings)
      : op_(op), settings_{settings.beta1, settings.beta2, 0, settings.eps} {}

  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq"}; }
  bool writes_copies() const override { return true; }
  void update(UpdateTarget& target, const Tensor& control) const override {
    AdamSettings settings = settings_;
    settings.weight_decay = target.weight_decay;
    ops::AdamState state{target.values, target.state[0], target.state[1], target.ema, target.narrow};
    op_(target.gradients, control, target.rates, settings, state);
  }

 private:
  Op* op_;
  AdamSettings settings_;
};

}  // namespace trm
