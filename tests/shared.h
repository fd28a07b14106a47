#pragma once
// Where the reference material lies, for tests that read it; they skip with TRM_REQUIRE_SHARED where it is absent.
#include <cstdlib>
#include <filesystem>
#include <string>

namespace trm::testing {

/// Folder of the shared reference material: $TRM_SHARED, else ../shared. May not exist.
inline std::filesystem::path shared_dir() {
  const char* set = std::getenv("TRM_SHARED");
  return set ? std::filesystem::path(set) : std::filesystem::path("../shared");
}

/// Root of this source tree: $TRM_SOURCE, set by ctest.
inline std::filesystem::path source_dir() {
  const char* set = std::getenv("TRM_SOURCE");
  return set ? std::filesystem::path(set) : std::filesystem::current_path();
}

/// Folder of the built programs: $TRM_BIN, set by ctest.
inline std::filesystem::path bin_dir() {
  const char* set = std::getenv("TRM_BIN");
  return set ? std::filesystem::path(set) : std::filesystem::current_path() / "bin";
}

}  // namespace trm::testing

#define TRM_REQUIRE_SHARED(relative)                                                          \
  do {                                                                                        \
    if (!std::filesystem::exists(trm::testing::shared_dir() / (relative)))                    \
      GTEST_SKIP() << "reference material absent: " << trm::testing::shared_dir() / (relative); \
  } while (0)
