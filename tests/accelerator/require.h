#pragma once
#include <gtest/gtest.h>

#include "device/backend.h"

namespace trm::testing {

inline constexpr Device accelerator{DeviceKind::accelerator, 0};

/// Empty where there is an OpenCL device, else why not.
inline std::string no_accelerator() {
  std::string why_not;
  return platform_of(DeviceKind::accelerator).devices(why_not).empty() ? "no OpenCL device here: " + why_not : "";
}

}  // namespace trm::testing

#define TRM_REQUIRE_ACCELERATOR() \
  if (const std::string why = trm::testing::no_accelerator(); !why.empty()) GTEST_SKIP() << why
