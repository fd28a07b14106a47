#include "puzzles/augmentation.h"

namespace trm {

Augment augmentation(const std::string& name, std::shared_ptr<const PuzzleKind> kind, uint64_t seed) {
  if (name == "none") return {};
  if (kind->augmentation() != name)
    throw PuzzleError(
        "augment: " + name + " does not fit the data, which is " + kind->describe() + ": " +
        (kind->augmentation().empty() ? "none is needed" : "none or " + kind->augmentation() + " is needed"));
  return [kind = std::move(kind), seed](uint64_t draw, std::span<int32_t> inputs, std::span<int32_t> labels) {
    SplitMix64 random(seed, draw);
    kind->augment(random, inputs, labels);
  };
}

}  // namespace trm
