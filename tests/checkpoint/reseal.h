#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "checkpoint/seal.h"

namespace trm::testing {

/// Gives a checkpoint that another program changed the seal of what it has become.
inline void reseal(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR);
  ASSERT_GE(descriptor, 0);
  const auto number = [&](uint64_t at) {
    uint64_t value = 0;
    EXPECT_EQ(::pread(descriptor, &value, sizeof value, static_cast<off_t>(at)), 8);
    return value;
  };
  std::vector<checkpoint::Range> ranges(number(48));
  for (size_t i = 0; i < ranges.size(); ++i) ranges[i] = {number(56 + 16 * i), number(64 + 16 * i)};
  checkpoint::write_seal(descriptor, number(24), ranges);
  ::close(descriptor);
}

}  // namespace trm::testing
