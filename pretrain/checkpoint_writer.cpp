#include "pretrain/checkpoint_writer.h"

#include <cmath>

#include "logging/logging.h"

namespace trm {

namespace fs = std::filesystem;

CheckpointWriter::CheckpointWriter(fs::path folder, const Settings& settings, Constants constants, Progress& progress)
    : folder_(std::move(folder)),
      constants_(std::move(constants)),
      progress_(progress),
      higher_(settings.dataset_type != "chat"),
      keep_best_(settings.keep_best),
      keep_last_(settings.keep_last_n_checkpoints.value_or(0)) {}

void CheckpointWriter::resume(int64_t step) {
  best_ = checkpoint::read_best(folder_);
  if (!best_) return;
  if (best_->step <= step && best_->metric == metric() && fs::exists(checkpoint::checkpoint_name(folder_, best_->step)))
    return;
  best_.reset();
  fs::remove(folder_ / "best.json");
}

bool CheckpointWriter::offer(int64_t step, double value) {
  if (!keep_best_ || !std::isfinite(value)) return false;
  // The later one of equals: a model that solves nothing yet is not best for having been the first.
  if (best_ && std::isfinite(best_->value) && (higher_ ? value < best_->value : value > best_->value)) return false;
  candidate_ = checkpoint::Best{step, metric(), value};
  return true;
}

bool CheckpointWriter::save(const std::function<checkpoint::Checkpoint()>& capture) {
  try {
    checkpoint::Checkpoint made = capture();
    made.config_yaml = constants_.config_yaml;
    made.tokenizer_json = constants_.tokenizer_json;
    made.notes = constants_.notes;
    const fs::path file = checkpoint::checkpoint_name(folder_, made.step);
    progress_.activity("saving");
    checkpoint::save(made, file);
    progress_.activity("");
    if (candidate_ && candidate_->step == made.step) {
      checkpoint::write_best(folder_, *candidate_);
      best_ = candidate_;
    }
    candidate_.reset();
    error_.clear();
    logging::note("Saved " + file.string() + (best_ && best_->step == made.step ? " (best so far)" : ""));
    tidy(made.step);
    return true;
  } catch (const std::exception& error) {
    error_ = error.what();
    progress_.activity("");
    return false;
  }
}

void CheckpointWriter::tidy(int64_t step) {
  try {
    checkpoint::keep_last(folder_, keep_last_, {step});
  } catch (const checkpoint::Error& error) {
    logging::warn(error.what());
  }
}

}  // namespace trm
