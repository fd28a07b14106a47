#include "optimizer/names.h"

#include "settings/nearest.h"

namespace trm {

OptimizerError unknown_name(const std::string& kind, const std::string& name, const std::vector<std::string>& known) {
  std::string text = "there is no " + kind + " '" + name + "'; there are ";
  for (size_t i = 0; i < known.size(); ++i) text += (i ? ", " : "") + known[i];
  return OptimizerError(text + "; the nearest is " + nearest(name, known));
}

}  // namespace trm
