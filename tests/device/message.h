#pragma once
#include <string>

#include "device/errors.h"

namespace trm::testing {

/// The message of the DeviceError that `f` throws; "nothing thrown" where it throws none.
template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace trm::testing
