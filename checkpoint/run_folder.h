#pragma once
// Checkpoints in a run's folder: step_<n>.h5, and best.json which names the best one.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/error.h"

namespace trm::checkpoint {

/// folder/step_<n>.h5
std::filesystem::path checkpoint_name(const std::filesystem::path& folder, int64_t step);
/// The step in a name that checkpoint_name() makes, else nothing.
std::optional<int64_t> step_of(const std::filesystem::path& file);
/// The checkpoints in `folder` by their names, oldest step first; empty where there is no such folder.
std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& folder);

/// The checkpoint of the highest step that passes verify(). `skipped` gets the reason for each newer one that does not.
std::optional<std::filesystem::path> newest_whole(const std::filesystem::path& folder,
                                                  std::vector<std::string>* skipped = nullptr);

/// Removes all but the `count` checkpoints of the highest steps, those in `protect`, and the best one; returns how
/// many. A count of zero or less keeps all. Throws Error where a file cannot be removed.
int keep_last(const std::filesystem::path& folder, int count, const std::vector<int64_t>& protect = {});

/// Which step did best, by which metric: the file best.json, {"file": "step_100.h5", "metric": ..., "step": ...,
/// "value": ...}.
struct Best {
  int64_t step = 0;
  std::string metric;
  double value = 0;
};
void write_best(const std::filesystem::path& folder, const Best& best);
/// Nothing where there is no best.json. Throws Error for a malformed one.
std::optional<Best> read_best(const std::filesystem::path& folder);

/// What a user means by a file or a run's folder: the file itself; of a folder the best checkpoint, else the newest
/// whole one, else the newest step_<n> that PyTorch wrote. Throws Error saying what was looked for and why it was not
/// taken.
std::filesystem::path find_checkpoint(const std::filesystem::path& file_or_folder);

}  // namespace trm::checkpoint
