#pragma once
// Files that appear under their name whole or not at all.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace trm::checkpoint {

/// A temporary file beside `target` which commit() renames to it; without commit() it is removed. Its writer holds a
/// lock (flock) on it, by which remove_stale_temporaries() tells it from what a killed process left.
/// All members throw Error: "cannot save '<target>': <reason>".
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path target);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }
  /// Takes the disk space now, where the file system can, so that a full disk shows before anything is written.
  void reserve(uint64_t bytes);
  void write(std::string_view text);
  /// Syncs the file, renames it to the target, syncs the folder.
  void commit();
  /// Throws the Error of the system error number `code`.
  [[noreturn]] void fail(int code, std::string_view doing) const;

 private:
  std::filesystem::path target_, folder_, path_;
  int descriptor_ = -1;
  uint64_t needed_ = 0;
};

/// Replaces `target` by a file with this text, atomically. Throws Error.
void write_file(const std::filesystem::path& target, std::string_view text);

/// Removes the temporary files in `folder` whose writers are gone; returns how many. Never throws for a missing folder.
int remove_stale_temporaries(const std::filesystem::path& folder);

}  // namespace trm::checkpoint
