#pragma once
#include <filesystem>
#include <vector>

namespace trm {

/// The folder that a builder writes: a temporary one beside the final name, renamed at commit(). Until then the final
/// name is untouched; without commit() the temporary folder is removed.
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

  /// Gives the folder its final name. A dataset that was there is removed; files in it that are no part of a dataset
  /// are kept. Throws DataError if that fails; what was there is then there again.
  void commit();

  /// Removes the temporary folders of all that live, for a program that is told to stop. Afterwards nothing is
  /// committed any more: the caller is to end the process without running destructors.
  static void abandon_all() noexcept;

 private:
  std::filesystem::path final_, temporary_;
  std::vector<std::filesystem::path> made_;  // folders above final_ that were not there, the nearest first
};

}  // namespace trm
