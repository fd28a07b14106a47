#pragma once
#include <stdexcept>

namespace trm {

/// A text that is not what it should be. The message says what and where in it, not in which file.
struct TextError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm
