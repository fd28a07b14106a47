#pragma once
// A run's state to and from a checkpoint (checkpoint/README.md). Array names: model/<parameter>, ema/<parameter>,
// optimizer/<what the rule keeps>/<parameter>, optimizer/counters, carry/<name>, rng/seed, loader/cursor,
// run/evaluations, and in the middle of an accumulated step accumulation/….
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "data/cursor.h"
#include "model/model.h"
#include "runtime/training_step.h"
#include "settings/stored.h"

namespace trm {

/// The host copy of a tensor, in its own type.
checkpoint::Array to_array(const Tensor& tensor);
/// Overwrites a tensor; float32 and bfloat16 are converted. Throws checkpoint::Error naming `name` where the shapes or
/// types differ.
void copy_array(const checkpoint::Array& array, const Tensor& to, const std::string& name);

/// What a run is besides model, optimizer and carry.
struct RunPosition {
  Cursor cursor;
  int64_t evaluations = 0;  // intervals of evaluation that have passed
};

/// Everything that resuming needs. Waits for the device. The caller adds config, tokenizer and notes. Of several
/// processes all call it, and the first gets what one process with the global batch would write; the others get an
/// empty one.
checkpoint::Checkpoint capture_run(const Model& model, OptimizerState& optimizer, TrainingStep& step, uint64_t seed,
                                   const RunPosition& position);

/// Puts it back: afterwards the run goes on as if it had never stopped. Of several processes each takes its rows,
/// whatever their number was when it was written. Throws checkpoint::Error naming what is missing or of another shape.
RunPosition restore_run(const checkpoint::Checkpoint& checkpoint, const std::string& file, Model& model,
                        OptimizerState& optimizer, TrainingStep& step);

/// Overwrites the model's weights by the arrays "model/…". Returns a note for the user where the puzzle table had
/// another number of rows, else "". Throws checkpoint::Error naming `file` and what does not fit.
std::string load_weights(const std::map<std::string, checkpoint::Array>& arrays, const std::string& file, Model& model);

/// A model's weights by parameter name, from a checkpoint of ours or from one that PyTorch wrote, with the
/// configuration that goes with it.
struct StoredModel {
  std::filesystem::path file;
  int64_t step = 0;
  bool imported = false;  // a PyTorch state dict
  bool ema = false;       // the weights are the moving average
  std::map<std::string, checkpoint::Array> arrays;
  std::string tokenizer_json;            // empty where there is none
  std::optional<StoredSettings> stored;  // of an imported one: from the all_config.yaml beside it, if there is one
};

/// `file_or_folder`: step_<n>.h5, a run's folder (its best, else its newest), or a PyTorch file. `prefer_ema`: the
/// moving average where the run kept one. Throws checkpoint::Error, SettingsError.
StoredModel read_model(const std::filesystem::path& file_or_folder, bool prefer_ema);

struct LoadOptions {
  std::optional<DType> dtype;  // unset: the configuration's
  std::vector<std::string> overrides;  // key=value, over the configuration in the checkpoint
  bool prefer_ema = true;
  std::optional<int64_t> seq_len;  // where neither configuration nor dataset tells it (imported checkpoints)
};

/// A model to generate from.
struct LoadedModel {
  std::unique_ptr<Model> model;
  Settings settings;
  DataMetadata data;
  std::filesystem::path file;
  int64_t step = 0;
  bool imported = false, ema = false;
  std::string tokenizer_json;      // empty where there is none
  std::vector<std::string> notes;  // to be said once: precision, what was guessed
};

/// As read_model, made on a device without gradients. An imported checkpoint needs the all_config.yaml of its run
/// beside it; its sizes come from its tensors, seq_len and pad_id from the datasets of that configuration where they
/// are there. Throws checkpoint::Error, SettingsError, DeviceError.
LoadedModel load_model(const std::filesystem::path& file_or_folder, Device device, const LoadOptions& options = {});

}  // namespace trm
