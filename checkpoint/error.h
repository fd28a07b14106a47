#pragma once
#include <stdexcept>

namespace trm::checkpoint {

/// A checkpoint that cannot be written or read. The message names the file and what is wrong with it.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm::checkpoint
