#pragma once
// The mixers by name, one file each.
#include <memory>
#include <string>
#include <vector>

#include "arch/facts.h"
#include "model/mixer.h"

namespace trm::mixers {

/// How a mixer is made; what is known of it before is in arch/mixers.def.
struct Kind {
  std::unique_ptr<Mixer> (*make)(const std::string& prefix, Construction&);
  /// Trained values of one.
  int64_t (*parameters)(const ModelConfig&);
  /// What of it depends on the data: throws std::invalid_argument naming the key, its value and what it takes. May be
  /// null.
  void (*check)(const ModelConfig&) = nullptr;
};

/// Throws std::invalid_argument for a name that none has, naming all.
const Kind& kind(const std::string& name);
/// Adds one from outside; its name must be new. Before settings are read, and not for several threads.
void add(arch::MixerFacts facts, Kind kind);

#define TRM_MIXER(name, ...) Kind name();
#include "arch/mixers.def"
#undef TRM_MIXER

}  // namespace trm::mixers
