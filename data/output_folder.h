#pragma once
#include <filesystem>
#include <vector>

namespace trm {

/// The folder that a builder writes: a temporary one beside the final name, renamed at commit(). Until then the final
/// name is untouched; without commit() the temporary folder is removed. Its writer holds a lock (flock) on it, by which
/// a later build of the same name tells it from what a killed one left, and removes that.
class OutputFolder {
 public:
  /// Throws DataError if `final_folder` holds a dataset and `force` is false, if it holds anything else, is a file, or
  /// cannot be made.
  OutputFolder(const std::filesystem::path& final_folder, bool force);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Where to write.
  const std::filesystem::path& path() const { return temporary_; }

  /// Syncs what was written and gives the folder its final name: at every moment there is the old dataset or the new
  /// one (where the file system can exchange two names). A dataset that was there is removed; files in it that are no
  /// part of a dataset are kept. Throws DataError if that fails; what was there is then there again.
  void commit();

  /// Removes the temporary folders of all that live and keeps others from going on: for a program that is told to stop,
  /// from any thread. Waits for a commit under way. The caller is to end the process without running destructors.
  static void abandon_all();

 private:
  void discard();

  std::filesystem::path final_, temporary_;
  int lock_ = -1;
  std::vector<std::filesystem::path> made_;  // folders above final_ that were not there, the nearest first
};

}  // namespace trm
