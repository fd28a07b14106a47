#include "data/output_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/fs.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "data/error.h"
#include "data/files.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kParts = {
    "train", "test", "tokenizer", "identifiers.json", "config.json", "test_puzzles.json"};

bool holds_dataset(const fs::path& folder) {
  return fs::exists(folder / "train" / "dataset.json") || fs::exists(folder / "test" / "dataset.json");
}

std::string sibling_prefix(const fs::path& folder, const std::string& purpose) {
  std::string prefix(1, '.');
  return prefix.append(folder.filename().string()).append(".").append(purpose).append("-");
}

/// A descriptor of the folder that holds its lock; -1 where another one does, or the folder is gone. Where the file
/// system knows no locks, `unknown`.
int lock_folder(const fs::path& folder, bool& unknown) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return -1;
  struct stat here {
  }, there{};
  int locked;
  do locked = ::flock(descriptor, LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EINTR);
  unknown = locked != 0 && errno != EWOULDBLOCK;
  const bool same = ::fstat(descriptor, &here) == 0 && ::lstat(folder.c_str(), &there) == 0 &&
                    here.st_ino == there.st_ino && here.st_dev == there.st_dev;
  if (same && (locked == 0 || unknown)) return descriptor;
  ::close(descriptor);
  return -1;
}

/// A new folder beside `folder`, hidden, of a name not taken, and its lock.
fs::path make_sibling(const fs::path& folder, const std::string& purpose, int& lock) {
  for (;;) {
    std::string name = (folder.parent_path() / (sibling_prefix(folder, purpose) + "XXXXXX")).string();
    if (!::mkdtemp(name.data())) {
      throw DataError("cannot make a folder in " + quoted(folder.parent_path()) + ": " + std::strerror(errno));
    }
    bool unknown = false;
    lock = lock_folder(name, unknown);
    if (lock < 0) continue;  // one who tidies up was quicker
    fs::permissions(name,
                    fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec,
                    fs::perm_options::add);
    return name;
  }
}

/// Moves what is no part of a dataset from a replaced folder to the new one, and removes the rest.
void finish_replacement(const fs::path& old, const fs::path& folder) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(old, failed)) {
    const fs::path name = entry.path().filename();
    if (std::ranges::find(kParts, name.string()) != kParts.end() || fs::exists(folder / name)) continue;
    fs::rename(entry.path(), folder / name, failed);
    if (failed) return;  // its files stay in the old folder rather than being lost
  }
  fs::remove_all(old, failed);
}

/// What killed builds of this name left: unfinished folders go; a dataset that was being replaced comes back, or goes
/// where the new one is there.
void tidy_after_killed(const fs::path& folder) {
  std::vector<fs::path> left;
  std::error_code error;
  const std::string building = sibling_prefix(folder, "building"), replaced = sibling_prefix(folder, "replaced");
  for (fs::directory_iterator entry(folder.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if ((name.starts_with(building) && name.size() == building.size() + 6) ||
        (name.starts_with(replaced) && name.size() == replaced.size() + 6))
      left.push_back(entry->path());
  }
  for (const fs::path& one : left) {
    bool unknown = false;
    const int lock = lock_folder(one, unknown);
    if (lock < 0) continue;
    const bool was_there = one.filename().string().starts_with(replaced);
    if (unknown) {
      // Perhaps it is at work.
    } else if (was_there && !fs::exists(folder, error)) {
      fs::rename(one, folder, error);
    } else if (fs::is_directory(folder, error)) {
      finish_replacement(one,
                         folder);  // an unfinished one too: killed between exchanging names and this, it is the old one
    } else {
      fs::remove_all(one, error);
    }
    ::close(lock);
  }
}

/// Exchanges two names in one step; false where the system cannot.
bool exchange(const fs::path& a, const fs::path& b) {
#if defined(__linux__) && defined(SYS_renameat2) && defined(RENAME_EXCHANGE)
  return ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
#elif defined(__APPLE__) && defined(RENAME_SWAP)
  return ::renamex_np(a.c_str(), b.c_str(), RENAME_SWAP) == 0;
#else
  return (void)a, (void)b, false;
#endif
}

void sync(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw DataError("cannot write " + quoted(path) + ": " + std::strerror(errno));
  const int result = ::fsync(descriptor), code = errno;
  ::close(descriptor);
  if (result != 0 && code != EINVAL && code != ENOTSUP)
    throw DataError("cannot write " + quoted(path) + ": syncing: " + std::strerror(code));
}

void sync_all(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) sync(entry.path());
  sync(folder);
}

std::mutex& living_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

/// Those that live, for abandon_all().
static std::vector<OutputFolder*>& living() {
  static std::vector<OutputFolder*> folders;
  return folders;
}

OutputFolder::OutputFolder(const fs::path& final_folder, bool force) {
  if (final_folder.empty()) throw DataError("--output-dir is empty; name the folder to write");
  try {
    final_ = fs::weakly_canonical(fs::absolute(final_folder));
    if (final_.filename().empty()) final_ = final_.parent_path();
    tidy_after_killed(final_);
    const std::string shown = quoted(final_folder);
    if (fs::exists(final_) && !fs::is_directory(final_)) throw DataError(shown + " is a file; name another folder");
    if (fs::exists(final_) && !fs::is_empty(final_)) {
      if (!holds_dataset(final_)) {
        throw DataError(shown + " holds something that is not a dataset; name a new or empty folder");
      }
      if (!force) throw DataError(shown + " already holds a dataset; --force replaces it, or name another folder");
    }
    for (fs::path above = final_.parent_path(); !fs::exists(above); above = above.parent_path()) made_.push_back(above);
    fs::create_directories(final_.parent_path());
    const std::lock_guard lock(living_mutex());
    temporary_ = make_sibling(final_, "building", lock_);
    living().push_back(this);
  } catch (const fs::filesystem_error& error) {
    throw DataError("cannot write to " + quoted(final_folder) + ": " + error.code().message());
  }
}

OutputFolder::~OutputFolder() {
  const std::lock_guard lock(living_mutex());
  std::erase(living(), this);
  discard();
}

void OutputFolder::discard() {
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
  if (temporary_.empty()) return;
  std::error_code ignored;
  for (int i = 0; i < 100 && fs::exists(temporary_, ignored); ++i)  // another thread may still be writing
    fs::remove_all(temporary_, ignored);
  for (const fs::path& above : made_) fs::remove(above, ignored);  // if nobody else has put something there
  temporary_.clear();
}

void OutputFolder::abandon_all() {
  living_mutex().lock();  // for good
  for (OutputFolder* folder : living()) folder->discard();
}

void OutputFolder::commit() {
  const std::lock_guard lock(living_mutex());
  fs::path old;
  int old_lock = -1;
  try {
    sync_all(temporary_);
    if (!fs::exists(final_)) {
      fs::rename(temporary_, final_);
    } else if (exchange(temporary_, final_)) {
      old = temporary_;
    } else {
      old = make_sibling(final_, "replaced", old_lock);
      fs::rename(final_, old);  // onto an empty folder
      fs::rename(temporary_, final_);
    }
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    if (!old.empty() && !fs::exists(final_, ignored)) fs::rename(old, final_, ignored);
    if (!old.empty()) fs::remove(old, ignored);  // if it is still empty
    if (old_lock >= 0) ::close(old_lock);
    throw DataError("cannot write " + quoted(final_) + ": " + error.code().message());
  }
  temporary_.clear();
  if (!old.empty()) finish_replacement(old, final_);
  if (old_lock >= 0) ::close(old_lock);
  sync(final_.parent_path());
}

}  // namespace trm
