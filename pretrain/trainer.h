#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "data/loader.h"
#include "device/rules.h"
#include "evaluation/evaluators.h"
#include "pretrain/checkpoint_writer.h"
#include "pretrain/event_file.h"
#include "pretrain/metrics_log.h"
#include "pretrain/progress.h"
#include "pretrain/resuming.h"
#include "pretrain/run_lock.h"
#include "pretrain/training_data.h"
#include "runtime/checkpoint_state.h"
#include "runtime/training_step.h"

namespace trm {

/// One run of pretrain, from an open dataset to the last checkpoint. Of several processes each has a Trainer, and all
/// go through the same steps; the first one's writes the files and speaks to the user.
class Trainer {
 public:
  /// Makes or resumes everything and says what will be done. Throws SettingsError, checkpoint::Error, DataError,
  /// DeviceError; nothing has then been written but the run's folder.
  Trainer(const Settings& settings, TrainingData data, RunPlan plan, Device device, Communicator& communicator);

  /// Trains to the end, or until a stop signal that any process got. Returns the exit status: 0, or, of one process,
  /// 128 + the signal's number. Throws checkpoint::Error where the last state could not be saved.
  int run(const std::string& resume_command);

  /// The run's folder: the plan's, or where that name was chosen by the program and is taken, the next free one.
  const std::filesystem::path& folder() const { return plan_.folder; }

 private:
  using Clock = std::chrono::steady_clock;

  void make_model(const std::optional<checkpoint::Checkpoint>& resumed);
  void make_step(const std::optional<checkpoint::Checkpoint>& resumed);
  void check_resumable(const checkpoint::Checkpoint& resumed);
  void make_folder();
  void open_folder(bool resumed);
  LoaderOptions loader_options() const;
  RunPosition position() const { return {loader_->cursor(), evaluations_}; }

  bool train_batch();  // false at the end of the data
  void log_if_due();
  void write_metrics(const Metrics& metrics);
  void say_compile_choice();
  void choose_log_interval();
  bool evaluation_due() const;
  bool evaluate_now(bool at_interval);  // false where a stop signal came meanwhile
  bool stop_asked();
  bool write_checkpoint();
  bool save();
  bool save_at_the_end();  // false where another process could not

  Settings settings_;
  TrainingData data_;
  RunPlan plan_;
  Device device_;
  Communicator& communicator_;
  RowRange rows_;  // of the global batch: those of this process
  CompileRule compile_;
  LoaderRule loading_;
  int64_t planned_ = 0, target_ = 0, steps_ = 0, evaluations_ = 0;
  Progress progress_;
  std::optional<RunLock> lock_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<OptimizerState> optimizer_;
  std::optional<Loader> loader_;
  std::optional<Batch> batch_;          // its memory is in use until the next one has been given to the step
  std::unique_ptr<TrainingStep> step_;  // goes before these: it waits for uploads that read their memory
  std::optional<MetricsLog> log_;       // this and the next two: of the first process
  std::optional<EventFile> events_;
  std::optional<CheckpointWriter> writer_;
  std::optional<Evaluators> evaluators_;

  int log_interval_ = 1, timed_steps_ = 0;
  int64_t skipped_ = 0, skipped_said_ = 0;
  bool compile_said_ = false, save_due_ = false;
  double seconds_ = 0;                                        // of training since the last line of metrics
  double timed_seconds_ = 0;                                  // of the steps that the log interval is chosen by
  std::optional<std::pair<int64_t, int>> saved_, evaluated_;  // at these steps and micro-batches
};

}  // namespace trm
