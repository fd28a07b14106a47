#pragma once
#include <stdexcept>

namespace trm {

/// Processes that cannot be brought together, or do not fit each other: which (rank, host), what differs, what would be
/// right.
struct DistributedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm
