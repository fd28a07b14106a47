#include "optimizer/adam.h"

namespace trm {

std::shared_ptr<UpdateRule> make_adam_atan2(const OptimizerSettings& settings) {
  return std::make_shared<Adam>(ops::adam_atan2, settings);
}

}  // namespace trm
