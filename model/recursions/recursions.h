#pragma once
// The variants of arch/variants.def, one file each.
#include <optional>

#include "autograd/tape.h"
#include "model/recursion.h"

namespace trm::recursions {

#define TRM_VARIANT(name, ...) RecursionMaker make_##name;
#include "arch/variants.def"
#undef TRM_VARIANT

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
