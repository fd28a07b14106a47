#include "device/cpu/cpu_platform.h"
#include "device/cpu/groups.h"

namespace trm::cpu {

void register_optimizer() {
  register_sum_of_squares();
  register_plan_update();
  register_adam();
  register_sign_sgd();
}

}  // namespace trm::cpu
