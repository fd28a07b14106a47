#pragma once
#include <stdexcept>

namespace trm {

/// A dataset, an input file of a builder, or an output folder that cannot be used; the message says which and why.
struct DataError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm
