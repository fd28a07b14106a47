#pragma once
#include <filesystem>

namespace trm {

/// Keeps a second program from training into the same folder; given up when this one ends, however it ends.
class RunLock {
 public:
  /// Throws checkpoint::Error where another one has it. Where the file system knows no locks, there is none.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace trm
