#include "model/mixers/mixers.h"

#include <stdexcept>

namespace trm::mixers {
namespace {

std::vector<Kind>& table() {
  static std::vector<Kind> kinds{attention(), token_mlp()};
  return kinds;
}

}  // namespace

const std::vector<Kind>& kinds() { return table(); }

const Kind& kind(const std::string& name) {
  std::string known;
  for (const Kind& kind : table()) {
    if (kind.name == name) return kind;
    known += (known.empty() ? "" : ", ") + kind.name;
  }
  throw std::invalid_argument("arch.mixer: got '" + name + "', takes " + known);
}

void add(Kind added) {
  for (const Kind& kind : table())
    if (kind.name == added.name) throw std::logic_error("there is a mixer " + kind.name + " already");
  table().push_back(std::move(added));
}

}  // namespace trm::mixers
