#pragma once
// The variants behind make_recursion, one file each.
#include <memory>
#include <optional>
#include <string>

#include "autograd/tape.h"
#include "model/recursion.h"

namespace trm::recursions {

using Maker = std::unique_ptr<Recursion>(const std::string& prefix, Construction&);

Maker make_trm, make_trm_singlez, make_trm_hier6, make_hrm, make_transformers_baseline;

/// Runs `body` for each of `count` H cycles; all but the last without gradient.
template <class Body>
void cycles(int count, Body&& body) {
  for (int cycle = 0; cycle < count; ++cycle) {
    std::optional<NoGradient> off;
    if (cycle + 1 < count) off.emplace();
    body();
  }
}

}  // namespace trm::recursions
