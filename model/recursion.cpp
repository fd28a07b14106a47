#include "model/recursion.h"

#include "model/recursions/recursions.h"

namespace trm {

std::unique_ptr<Recursion> make_recursion(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer) {
  switch (config.variant) {
    case Variant::trm_singlez: return recursions::make_trm_singlez(config, prefix, store, initializer);
    case Variant::trm_hier6: return recursions::make_trm_hier6(config, prefix, store, initializer);
    case Variant::hrm: return recursions::make_hrm(config, prefix, store, initializer);
    case Variant::transformers_baseline: return recursions::make_transformers_baseline(config, prefix, store, initializer);
    default: return recursions::make_trm(config, prefix, store, initializer);
  }
}

}  // namespace trm
