#pragma once
// The mixers by name, one file each.
#include <memory>
#include <string>
#include <vector>

#include "model/mixer.h"

namespace trm::mixers {

/// A mixer as the config knows it.
struct Kind {
  std::string name;
  std::unique_ptr<Mixer> (*make)(const std::string& prefix, Construction&);
  /// Trained values of one.
  int64_t (*parameters)(const ModelConfig&);
  /// Throws std::invalid_argument naming the key, its value and what it takes.
  void (*validate)(const ModelConfig&);
};

const std::vector<Kind>& kinds();
/// Throws std::invalid_argument for a name that none has, naming all.
const Kind& kind(const std::string& name);
/// Adds one beside those of this folder; its name must be new. Not for several threads.
void add(Kind kind);

Kind attention(), token_mlp();

}  // namespace trm::mixers
