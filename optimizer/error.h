#pragma once
#include <stdexcept>

namespace trm {

/// A name or a setting that the optimizers do not have; the message says what they have.
struct OptimizerError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm
