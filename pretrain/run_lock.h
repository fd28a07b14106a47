#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace trm {

/// Keeps a second program from training into the same folder; given up when this one ends, however it ends.
class RunLock {
 public:
  /// Throws checkpoint::Error where another one has it, or the folder cannot be opened.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;

  /// Why there is no lock, where the file system gives none: to be said.
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  int descriptor_;
  std::optional<std::string> problem_;
};

}  // namespace trm
