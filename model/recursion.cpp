#include "model/recursion.h"

#include "model/recursions/recursions.h"

namespace trm {

std::unique_ptr<Recursion> make_recursion(const std::string& prefix, Construction& construction) {
  switch (construction.config.variant) {
    case Variant::trm_singlez: return recursions::make_trm_singlez(prefix, construction);
    case Variant::trm_hier6: return recursions::make_trm_hier6(prefix, construction);
    case Variant::hrm: return recursions::make_hrm(prefix, construction);
    case Variant::transformers_baseline: return recursions::make_transformers_baseline(prefix, construction);
    default: return recursions::make_trm(prefix, construction);
  }
}

}  // namespace trm
