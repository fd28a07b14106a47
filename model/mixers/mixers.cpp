#include "model/mixers/mixers.h"

#include <map>
#include <stdexcept>

namespace trm::mixers {
namespace {

std::map<std::string, Kind>& kinds() {
  static std::map<std::string, Kind> kinds{
#define TRM_MIXER(name, ...) {#name, name()},
#include "arch/mixers.def"
#undef TRM_MIXER
  };
  return kinds;
}

}  // namespace

const Kind& kind(const std::string& name) { return kinds().at(arch::mixer(name).name); }

void add(arch::MixerFacts facts, Kind kind) {
  const std::string name = facts.name;
  arch::add_mixer(std::move(facts));
  kinds().emplace(name, kind);
}

}  // namespace trm::mixers
