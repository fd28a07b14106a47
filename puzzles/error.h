#pragma once
#include <stdexcept>

namespace trm {

/// A text or a grid that is no puzzle of its kind; the message names the place.
struct PuzzleError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm
