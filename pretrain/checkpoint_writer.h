#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/run_folder.h"
#include "pretrain/progress.h"
#include "settings/settings.h"

namespace trm {

/// Saves a run's checkpoints, tells which is best, and removes old ones. Where saving fails, everything older stays,
/// training goes on, and each later save tries again.
class CheckpointWriter {
 public:
  struct Constants {
    std::string config_yaml, tokenizer_json;
    std::map<std::string, std::string> notes;
  };
  CheckpointWriter(std::filesystem::path folder, const Settings& settings, Constants constants, Progress& progress);

  /// Of a run that goes on from `step`: a best one that is to come again is forgotten.
  void resume(int64_t step);

  /// Whether a score is as good as the best so far, in which case the next save is the best. NaN never is.
  bool offer(int64_t step, double value);
  /// Returns whether it was saved; otherwise the reason is in error().
  bool save(const std::function<checkpoint::Checkpoint()>& capture);
  const std::string& error() const { return error_; }

  /// The metric that decides: exact_accuracy (the more the better) or lm_loss.
  const char* metric() const { return higher_ ? "exact_accuracy" : "lm_loss"; }

 private:
  void tidy(int64_t step);

  std::filesystem::path folder_;
  Constants constants_;
  Progress& progress_;
  bool higher_, keep_best_;
  int keep_last_;
  std::optional<checkpoint::Best> best_, candidate_;
  std::string error_;
};

}  // namespace trm
