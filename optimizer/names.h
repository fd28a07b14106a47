#pragma once
#include <string>
#include <vector>

#include "optimizer/error.h"

namespace trm {

/// "there is no optimizer 'adamv'; there are adamw, adam_atan2; the nearest is adamw"
OptimizerError unknown_name(const std::string& kind, const std::string& name, const std::vector<std::string>& known);

}  // namespace trm
