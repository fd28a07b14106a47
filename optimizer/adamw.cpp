#include "optimizer/adam.h"

namespace trm {

std::shared_ptr<UpdateRule> make_adamw(const OptimizerSettings& settings) {
  return std::make_shared<Adam>(ops::adamw, settings);
}

}  // namespace trm
