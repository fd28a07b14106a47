#include "pretrain/resuming.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "checkpoint/checkpoint.h"
#include "checkpoint/run_folder.h"
#include "checkpoint/torch_import.h"
#include "data/files.h"
#include "settings/error.h"
#include "settings/keys.h"
#include "text/printable.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
using checkpoint::Error;

/// What may be another in a resumed run without a word.
constexpr std::array silent{"data_paths",
                            "data_paths_test",
                            "evaluators",
                            "max_steps",
                            "eval_interval",
                            "min_eval_interval",
                            "checkpoint_every_eval",
                            "checkpoint_interval",
                            "keep_last_n_checkpoints",
                            "keep_best",
                            "log_interval",
                            "tensorboard",
                            "project_name",
                            "run_name",
                            "load_checkpoint",
                            "resume",
                            "checkpoint_path",
                            "eval_save_outputs",
                            "eval_depths",
                            "eval_steps",
                            "eval_rollouts",
                            "eval_noise",
                            "eval_views",
                            "eval_select",
                            "num_workers",
                            "pin_memory"};
/// What may be another, but changes what follows.
constexpr std::array noted{"epochs",
                           "lr",
                           "lr_min_ratio",
                           "lr_warmup_steps",
                           "beta1",
                           "beta2",
                           "weight_decay",
                           "puzzle_emb_lr",
                           "puzzle_emb_weight_decay",
                           "grad_clip_norm",
                           "ema_rate",
                           "arch.halt_exploration_prob",
                           "arch.forward_dtype"};

template <class Names>
bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string time_text() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text;
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &local);
  return text.data();
}

/// A name that stays below the folder that it is put in.
fs::path below(const char* key, const std::string& name) {
  const fs::path path(name);
  if (path.is_absolute() || std::find(path.begin(), path.end(), fs::path("..")) != path.end())
    throw SettingsError(std::string(key) + ": got '" + printable(name) +
                        "', takes a name below checkpoints; checkpoint_path=FOLDER puts a run anywhere else");
  return path;
}

fs::path project_folder(const Settings& settings) {
  if (settings.project_name) return fs::path("checkpoints") / below("project_name", *settings.project_name);
  fs::path data = fs::path(settings.data_paths.at(0)).lexically_normal();
  if (!data.has_filename()) data = data.parent_path();
  const std::string name = data.filename().string();
  return fs::path("checkpoints") / (name.empty() || name == "." || name == ".." ? "trm" : name);
}

fs::path fresh_folder(const Settings& settings) {
  const fs::path folder = project_folder(settings);
  if (settings.run_name) return folder / below("run_name", *settings.run_name);
  return folder / (settings.arch.name + "-" + time_text());
}

bool could_go_on(const fs::path& file, const Settings& settings, const DataMetadata& data) {
  try {
    const auto read = checkpoint::load(file, {"loader/"});
    return compare(settings_from_yaml(read.config_yaml, file.string()), settings, data).fatal.empty();
  } catch (const std::runtime_error&) {
    return false;
  }
}

/// Without a name for the run, resume=auto means the latest run of this project that could go on with this
/// configuration.
std::optional<fs::path> latest_run(const Settings& settings, const DataMetadata& data) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code error;
  for (fs::directory_iterator run(project_folder(settings), error), end; !error && run != end; run.increment(error)) {
    std::error_code ignored;
    for (const fs::path& file : checkpoint::checkpoints_in(run->path()))
      files.emplace_back(fs::last_write_time(file, ignored), file);
  }
  std::sort(files.rbegin(), files.rend());
  for (const auto& [time, file] : files)
    if (could_go_on(file, settings, data)) return file.parent_path();
  return std::nullopt;
}

void resume_automatically(const Settings& settings, const DataMetadata& data, RunPlan& plan) {
  if (!settings.checkpoint_path && !settings.run_name) {
    if (const auto run = latest_run(settings, data)) {
      plan.folder = *run;
      plan.name_is_ours = false;
      plan.present = checkpoint::checkpoints_in(*run);
      plan.notes.push_back(
          "resume=auto without run_name or checkpoint_path: the latest run of this project with this configuration");
    }
  }
  std::vector<std::string> skipped;
  plan.resume = checkpoint::newest_whole(plan.folder, &skipped);
  plan.warnings.insert(plan.warnings.end(), skipped.begin(), skipped.end());
  for (const fs::path& file : plan.present)
    if (!plan.resume || *checkpoint::step_of(file) > *checkpoint::step_of(*plan.resume)) plan.broken.push_back(file);
  if (!plan.resume)
    plan.notes.push_back("resume=auto: no whole checkpoint in " + quoted(plan.folder) + ": starting afresh");
}

void resume_from(const fs::path& file, RunPlan& plan) {
  if (fs::is_directory(file))
    throw Error("resume=" + file.string() +
                " is a folder; it takes a checkpoint file, or resume=auto with checkpoint_path=" + file.string());
  if (!fs::exists(file))
    throw Error("resume=" + file.string() + ": there is no such file; resume takes auto, false or a checkpoint file");
  if (checkpoint::is_torch_file(file))
    throw Error(quoted(file) +
                " was written by PyTorch and holds weights only: a run cannot be resumed from it; load_checkpoint=" +
                file.string() + " starts a new run from its weights");
  plan.resume = file;
}

}  // namespace

RunPlan plan_run(const Settings& settings, const DataMetadata& data) {
  RunPlan plan;
  const bool from_file = settings.resume != "false" && settings.resume != "auto";
  if (settings.checkpoint_path)
    plan.folder = *settings.checkpoint_path;
  else if (from_file && !settings.run_name)
    plan.folder =
        fs::path(settings.resume).parent_path().empty() ? fs::path(".") : fs::path(settings.resume).parent_path();
  else
    plan.folder = fresh_folder(settings);
  plan.name_is_ours = !settings.checkpoint_path && !settings.run_name && !from_file;

  if (!plan.name_is_ours) plan.present = checkpoint::checkpoints_in(plan.folder);
  if (settings.resume == "auto")
    resume_automatically(settings, data, plan);
  else if (from_file)
    resume_from(settings.resume, plan);
  else if (!plan.present.empty())
    throw Error("the run folder " + quoted(plan.folder) + " already has checkpoints (" +
                plan.present.back().filename().string() +
                "): continue that run with resume=auto, or choose another run_name or checkpoint_path");
  return plan;
}

Differences compare(const StoredSettings& there, const Settings& settings, const DataMetadata& data) {
  Differences found;
  for (const Key& key : keys()) {
    if (!key.write || contains(silent, key.path)) continue;
    const std::string old = to_text(key.write(there.settings)), now = to_text(key.write(settings));
    if (old != now)
      (contains(noted, key.path) ? found.notes : found.fatal)
          .push_back(key.path + ": " + old + " in the checkpoint, " + now + " here");
  }
  const auto check = [&](const char* name, const std::optional<int64_t>& old, const std::optional<int64_t>& now) {
    if (old && now && *old != *now)
      found.fatal.push_back(std::string(name) + ": " + std::to_string(*old) + " in the checkpoint, " +
                            std::to_string(*now) + " in the data");
  };
  check("seq_len", there.data.seq_len, data.seq_len);
  check("vocab_size", there.data.vocab_size, data.vocab_size);
  check("num_puzzle_identifiers", there.data.num_puzzle_identifiers, data.num_puzzle_identifiers);
  check("pad_id", there.data.pad_id, data.pad_id);
  if (there.data.puzzle_kind && data.puzzle_kind && *there.data.puzzle_kind != *data.puzzle_kind)
    found.fatal.push_back("puzzle_kind: " + *there.data.puzzle_kind + " in the checkpoint, " + *data.puzzle_kind +
                          " in the data");
  return found;
}

}  // namespace trm
