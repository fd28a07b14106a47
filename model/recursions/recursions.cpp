#include "model/recursions/recursions.h"

#include <map>

namespace trm {
namespace {

std::map<std::string, RecursionMaker*>& makers() {
  static std::map<std::string, RecursionMaker*> makers{
#define TRM_VARIANT(name, ...) {#name, recursions::make_##name},
#include "arch/variants.def"
#undef TRM_VARIANT
  };
  return makers;
}

}  // namespace

std::unique_ptr<Recursion> make_recursion(const std::string& prefix, Construction& construction) {
  return makers().at(arch::variant(construction.config.name).name)(prefix, construction);
}

void add_recursion(arch::VariantFacts facts, RecursionMaker* make) {
  const std::string name = facts.name;
  arch::add_variant(std::move(facts));
  makers().emplace(name, make);
}

}  // namespace trm
