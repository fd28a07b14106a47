#include "device/ops.h"
#include "optimizer/update_rule.h"

namespace trm {
namespace {

class SignSgd final : public UpdateRule {
 public:
  void update(UpdateTarget& target, const Tensor& control) const override {
    ops::sign_sgd(target.gradients, target.ids, control, target.rates, target.weight_decay, target.values);
  }
};

}  // namespace

std::shared_ptr<UpdateRule> make_sign_sgd() { return std::make_shared<SignSgd>(); }

}  // namespace trm
