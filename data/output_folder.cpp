#include "data/output_folder.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
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

/// Temporary folders in use, for abandon_all(). Held while a folder gets its final name.
std::mutex living_mutex;
std::set<fs::path> living;

/// A new folder beside `folder`, hidden, of a name not taken.
fs::path make_sibling(const fs::path& folder, const std::string& purpose) {
  std::string hidden(1, '.');

  hidden.append(folder.filename().string()).append(".").append(purpose).append("-XXXXXX");
  std::string name = (folder.parent_path() / hidden).string();
  if (!::mkdtemp(name.data())) {
    throw DataError("cannot make a folder in " + quoted(folder.parent_path()) + ": " + std::strerror(errno));
  }
  fs::permissions(name, fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec,
                  fs::perm_options::add);
  return name;
}

}  // namespace

OutputFolder::OutputFolder(const fs::path& final_folder, bool force) {
  if (final_folder.empty()) throw DataError("--output-dir is empty; name the folder to write");
  try {
    final_ = fs::weakly_canonical(fs::absolute(final_folder));
    if (final_.filename().empty()) final_ = final_.parent_path();
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
    temporary_ = make_sibling(final_, "building");
    const std::lock_guard lock(living_mutex);
    living.insert(temporary_);
  } catch (const fs::filesystem_error& error) {
    throw DataError("cannot write to " + quoted(final_folder) + ": " + error.code().message());
  }
}

OutputFolder::~OutputFolder() {
  if (temporary_.empty()) return;
  const std::lock_guard lock(living_mutex);
  living.erase(temporary_);
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
  for (const fs::path& above : made_) fs::remove(above, ignored);  // if nobody else has put something there
}

void OutputFolder::abandon_all() noexcept {
  living_mutex.lock();  // for good
  for (const fs::path& folder : living) {
    std::error_code failed;
    for (int tries = 0; tries < 50; ++tries) {  // another thread may still make a file there
      fs::remove_all(folder, failed);
      if (!failed && !fs::exists(folder, failed)) break;
    }
  }
}

void OutputFolder::commit() {
  const std::lock_guard lock(living_mutex);
  fs::path old;
  try {
    if (fs::exists(final_)) {
      old = make_sibling(final_, "replaced");
      fs::rename(final_, old);  // onto an empty folder
    }
    fs::rename(temporary_, final_);
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    if (!old.empty() && !fs::exists(final_, ignored)) fs::rename(old, final_, ignored);
    if (!old.empty()) fs::remove(old, ignored);  // if it is still empty
    throw DataError("cannot write " + quoted(final_) + ": " + error.code().message());
  }
  living.erase(temporary_);
  temporary_.clear();
  if (old.empty()) return;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(old, failed)) {
    const fs::path name = entry.path().filename();
    if (std::ranges::find(kParts, name.string()) != kParts.end() || fs::exists(final_ / name)) continue;
    fs::rename(entry.path(), final_ / name, failed);
    if (failed) return;  // its files stay in the old folder rather than being lost
  }
  fs::remove_all(old, failed);
}

}  // namespace trm
