#pragma once
#include <stdexcept>

namespace trm {

/// A configuration that cannot be read or cannot be meant; the message is whole and made for the user.
struct SettingsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trm
