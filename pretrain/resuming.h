#pragma once
// Which folder a run writes to, and which checkpoint it goes on from.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "settings/stored.h"

namespace trm {

struct RunPlan {
  std::filesystem::path folder;
  bool name_is_ours = false;                   // it has the time in it: where it is taken, another is free to be chosen
  std::vector<std::filesystem::path> present;  // the checkpoints that the folder had
  std::optional<std::filesystem::path> resume;  // the checkpoint to go on from
  std::vector<std::filesystem::path>
      broken;  // newer ones that are not whole: to be set aside, so that they are not taken for the latest
  std::vector<std::string> notes, warnings;
};

/// The run's folder is checkpoint_path, else that of resume=FILE, else checkpoints/<project_name>/<run_name>, both with
/// defaults. Nothing is written. Throws checkpoint::Error where the folder has checkpoints and the run does not resume,
/// or where the file to resume from is not whole.
RunPlan plan_run(const Settings& settings, const DataMetadata& data);

/// How a configuration differs from that of a checkpoint to resume from.
struct Differences {
  std::vector<std::string> fatal;  // another model, data or step: "global_batch_size: 4 there, 8 here"
  std::vector<std::string> notes;  // allowed, and worth saying
};
Differences compare(const StoredSettings& there, const Settings& settings, const DataMetadata& data);

}  // namespace trm
