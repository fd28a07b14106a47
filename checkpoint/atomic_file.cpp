#include "checkpoint/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <system_error>

#include "checkpoint/error.h"

namespace trm::checkpoint {
namespace {

constexpr std::string_view prefix = ".trm_save_";
constexpr std::string_view suffix = ".tmp";

std::string temporary_name() {
  thread_local std::random_device random;
  return std::string(prefix) + std::to_string(::getpid()) + "_" + std::to_string(random()) + std::string(suffix);
}

bool is_temporary_name(std::string_view name) { return name.starts_with(prefix) && name.ends_with(suffix); }

/// True unless a cleaner got between creating and locking the file.
bool take_lock(int descriptor) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_nlink > 0;
}

bool no_space(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

}  // namespace

TemporaryFile::TemporaryFile(std::filesystem::path target) : target_(std::move(target)) {
  folder_ = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  if (!target_.has_filename()) fail(EISDIR, "");
  std::error_code ignored;
  if (std::filesystem::is_directory(target_, ignored)) fail(EISDIR, "");
  while (true) {
    path_ = folder_ / temporary_name();
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      if (errno == EEXIST || errno == EINTR) continue;
      const int code = errno;
      path_.clear();
      fail(code, "");
    }
    if (take_lock(descriptor_)) return;
    ::unlink(path_.c_str());
    ::close(descriptor_);
  }
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TemporaryFile::fail(int code, std::string_view doing) const {
  std::string message = "cannot save '" + target_.string() + "': ";
  std::error_code ignored;
  if (code == ENOENT && !std::filesystem::exists(folder_, ignored))
    throw Error(message + "its folder '" + folder_.string() + "' does not exist");
  if (doing.empty() && (code == EACCES || code == EPERM || code == EROFS))
    message += "the folder '" + folder_.string() + "' is not writable: ";
  if (!doing.empty()) message += std::string(doing) + ": ";
  message += std::generic_category().message(code);
  struct statvfs disk {};
  if (no_space(code) && ::statvfs(folder_.c_str(), &disk) == 0)
    message += " (" + std::to_string(needed_) + " bytes needed, " +
               std::to_string(static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize) + " free)";
  throw Error(message);
}

void TemporaryFile::reserve(uint64_t bytes) {
  needed_ = bytes;
#ifdef __linux__
  int result;
  do result = ::fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes));
  while (result != 0 && errno == EINTR);
  if (result != 0 && no_space(errno)) fail(errno, "");
#endif
}

void TemporaryFile::write(std::string_view text) {
  needed_ = text.size();
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(written < 0 ? errno : ENOSPC, "");
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void TemporaryFile::commit() {
  if (::fsync(descriptor_) != 0) fail(errno, "syncing");
  if (::rename(path_.c_str(), target_.c_str()) != 0) fail(errno, "renaming to it");
  path_.clear();
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;  // a folder that may be written but not read
  const int result = ::fsync(folder);
  const int code = errno;
  ::close(folder);
  if (result != 0 && code != EINVAL && code != ENOTSUP) fail(code, "syncing its folder");
}

void write_file(const std::filesystem::path& target, std::string_view text) {
  TemporaryFile file(target);
  file.write(text);
  file.commit();
}

int remove_stale_temporaries(const std::filesystem::path& folder) {
  int removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_temporary_name(entry->path().filename().string())) continue;
    const int descriptor = ::open(entry->path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::unlink(entry->path().c_str()) == 0) ++removed;
    ::close(descriptor);
  }
  return removed;
}

}  // namespace trm::checkpoint
