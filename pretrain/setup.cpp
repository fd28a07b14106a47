// Trainer: what comes before the first step.
#include <filesystem>

#include "checkpoint/atomic_file.h"
#include "data/error.h"
#include "data/files.h"
#include "device/backend.h"
#include "evaluation/saved_outputs.h"
#include "logging/logging.h"
#include "pretrain/data_digest.h"
#include "pretrain/trainer.h"
#include "puzzles/augmentation.h"
#include "puzzles/kinds.h"
#include "runtime/memory.h"
#include "runtime/model_settings.h"
#include "runtime/programs.h"
#include "runtime/shared_weights.h"
#include "settings/error.h"
#include "settings/validate.h"
#include "tokenizer/same_tokens.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::string note_of(const checkpoint::Checkpoint& checkpoint, const std::string& name) {
  const auto found = checkpoint.notes.find(name);
  return found == checkpoint.notes.end() ? "" : found->second;
}

int64_t plan_steps(const Settings& settings, const Dataset& train) {
  const auto planned = static_cast<int64_t>(planned_steps(train.metadata(), static_cast<uint64_t>(settings.epochs),
                                                          static_cast<uint64_t>(settings.global_batch_size),
                                                          static_cast<uint64_t>(settings.gradient_accumulation_steps)));
  if (planned > 0) return planned;
  const int64_t rows = int64_t{settings.global_batch_size} * settings.gradient_accumulation_steps;
  throw DataError("there is not one step to train: " + std::to_string(train.examples()) + " examples in " +
                  std::to_string(settings.epochs) + " epochs are fewer than the " + std::to_string(rows) +
                  " of an optimizer step (global_batch_size " + std::to_string(settings.global_batch_size) +
                  " x gradient_accumulation_steps " + std::to_string(settings.gradient_accumulation_steps) +
                  "); raise epochs or lower these");
}

Augment augment_of(const Settings& settings, const Metadata& metadata) {
  if (settings.augment == "none") return {};
  return augmentation(settings.augment, puzzle_kind(metadata.puzzle_kind, metadata.vocab_size, metadata.seq_len),
                      static_cast<uint64_t>(settings.seed));
}

/// Of equal size but of other tokens, nearly every id would mean another text.
void require_same_tokenizer(const std::string& there, const std::string& checkpoint, const TrainingData& data) {
  const auto& folder = data.train->tokenizer_folder();
  if (there.empty() || !folder || there == data.tokenizer_json) return;
  if (same_tokens(Tokenizer::from_json(there, "the tokenizer in " + checkpoint), Tokenizer::load(*folder))) return;
  throw checkpoint::Error(
      "the tokenizer in " + checkpoint + " and that of the data, " + quoted(*folder) +
      ", differ, so the same ids mean different texts: build the dataset with --tokenizer and that of "
      "the checkpoint (the tokenizer folder of the dataset that it was trained on)");
}

}  // namespace

Trainer::Trainer(const Settings& settings, TrainingData data, RunPlan plan, Device device, Communicator& communicator)
    : settings_(settings),
      data_(std::move(data)),
      plan_(std::move(plan)),
      device_(device),
      communicator_(communicator),
      rows_(rows_of(communicator.rank(), communicator.size(), settings.global_batch_size)),
      compile_(compile_rule(device)),
      loading_(loader_rule(device, settings.num_workers, settings.pin_memory)),
      planned_(plan_steps(settings, *data_.train)),
      target_(std::min(planned_, settings.max_steps.value_or(planned_))) {
  SavedOutputs::require_known(settings_.eval_save_outputs);
  for (const std::string& note : plan_.notes) logging::note(note);
  for (const std::string& warning : plan_.warnings) logging::warn(warning);
  for (const std::string& warning : loading_.warnings) logging::warn(warning);

  std::optional<checkpoint::Checkpoint> resumed;
  if (plan_.resume) {
    resumed = checkpoint::load(*plan_.resume);
    check_resumable(*resumed);
  }
  const Metadata& metadata = data_.train->metadata();
  logging::note(
      "Data: " + with_commas(static_cast<int64_t>(data_.train->examples())) + " training examples" +
      (data_.test ? ", " + with_commas(static_cast<int64_t>(data_.test->examples())) + " to evaluate on" : "") +
      "; sequence length " + std::to_string(metadata.seq_len) + ", vocabulary " + with_commas(metadata.vocab_size));
  for (const std::string& note : data_.notes) logging::note("Note: " + note);
  for (const std::string& doubt : doubts(settings_)) logging::warn(doubt);

  make_model(resumed);
  if (data_.test) evaluators_.emplace(settings_, *data_.test, model_->config());
  make_step(resumed);
  open_folder(resumed.has_value());
}

void Trainer::check_resumable(const checkpoint::Checkpoint& resumed) {
  const StoredSettings there = settings_from_yaml(resumed.config_yaml, "the configuration in " + quoted(*plan_.resume));
  const Differences differences = compare(there, settings_, data_.metadata);
  if (!differences.fatal.empty()) {
    std::string text = quoted(*plan_.resume) + " is of a run with another configuration:";
    for (const std::string& one : differences.fatal) text += "\n  " + one;
    throw checkpoint::Error(
        text + "\nresume with these as they were, or start a new run from its weights with load_checkpoint=" +
        plan_.resume->string());
  }
  require_same_tokenizer(resumed.tokenizer_json, quoted(*plan_.resume), data_);
  for (const std::string& note : differences.notes) logging::note("Note: changed since the checkpoint: " + note);
  const std::string data = note_of(resumed, "data");
  if (!data.empty() && data != data_digest(*data_.train))
    logging::warn(
        "the training data is not what the checkpoint was made with, though its sizes are the same: what follows "
        "is not what the run would have become");
  const std::string device = note_of(resumed, "device"), threads = note_of(resumed, "threads");
  if (!device.empty() && device != name_of(device_.kind))
    logging::note("Note: the checkpoint was made on " + device + "; on " + name_of(device_.kind) +
                  " its numbers are continued within rounding, not bit for bit");
  else if (platform_of(device_.kind).traits().on_host && !threads.empty() && threads != std::to_string(thread_count()))
    logging::warn("the checkpoint was made with " + threads + " threads, this run has " +
                  std::to_string(thread_count()) + ": sums may round differently; OMP_NUM_THREADS=" + threads +
                  " continues bit for bit");
}

void Trainer::make_model(const std::optional<checkpoint::Checkpoint>& resumed) {
  ModelConfig config = model_config(settings_, data_.metadata);
  const PrecisionRule precision = precision_rule(device_, config.forward_dtype);
  if (precision.note) logging::note("Note: " + *precision.note);
  config.forward_dtype = precision.dtype;
  require_training_memory(config, optimizer_settings(settings_, planned_), device_);
  model_ = std::make_unique<Model>(config, device_, static_cast<uint64_t>(settings_.seed), true);

  std::string text = "Model: " + settings_.arch.name + ", " + with_commas(model_->parameters().count()) + " parameters";
  if (const Tensor& table = model_->puzzle_table())
    text += ", puzzle table " + with_commas(table.size(0)) + " x " + std::to_string(table.size(1));
  logging::note(text + "; " + name_of(config.forward_dtype) +
                (settings_.freeze_weights ? "; only the puzzle table is trained" : ""));
  if (!settings_.load_checkpoint || resumed) return;

  const StoredModel stored = read_model(*settings_.load_checkpoint, true);
  const std::string file = stored.file.string();
  const auto embedding = stored.arrays.find("model/model.inner.embed_tokens.embedding_weight");
  if (embedding != stored.arrays.end() && !embedding->second.shape.empty() &&
      embedding->second.shape[0] != config.vocab_size)
    throw checkpoint::Error("'" + file + "' has a vocabulary of " + std::to_string(embedding->second.shape[0]) +
                            ", the data one of " + std::to_string(config.vocab_size) +
                            ": build the dataset with the tokenizer of that run");
  require_same_tokenizer(stored.tokenizer_json, quoted(stored.file), data_);
  std::string note;
  try {
    note = load_weights(stored.arrays, file, *model_);
  } catch (const checkpoint::Error& error) {
    std::string text = error.what();
    if (stored.stored)
      for (const std::string& difference : compare(*stored.stored, settings_, {}).fatal)
        if (difference.starts_with("arch.")) text += "\n  " + difference;
    throw checkpoint::Error(text);
  }
  logging::note("Weights from " + file + (stored.ema ? " (moving average)" : ""));
  if (!note.empty()) logging::note("Note: " + note);
}

LoaderOptions Trainer::loader_options() const {
  LoaderOptions options = trm::loader_options(settings_, device_, loading_);
  options.first_row = static_cast<uint64_t>(rows_.first);
  options.rows = static_cast<uint64_t>(rows_.count);
  return options;
}

void Trainer::make_step(const std::optional<checkpoint::Checkpoint>& resumed) {
  optimizer_ = std::make_unique<OptimizerState>(model_->parameters(), optimizer_settings(settings_, planned_));
  TrainingStep::Options options;
  options.rows = rows_;
  options.communicator = &communicator_;
  options.accumulation = settings_.gradient_accumulation_steps;
  options.seed = static_cast<uint64_t>(settings_.seed);
  options.compile = compile_.on;
  step_ = std::make_unique<TrainingStep>(*model_, *optimizer_, options);
  LoaderOptions loading = loader_options();
  loading.augment = augment_of(settings_, data_.train->metadata());
  loader_ = Loader::training(data_.train, parse_dataset_type(settings_.dataset_type), options.seed,
                             static_cast<uint64_t>(settings_.epochs), loading);
  if (resumed) {
    const RunPosition position = restore_run(*resumed, plan_.resume->string(), *model_, *optimizer_, *step_);
    loader_->restore(position.cursor);
    evaluations_ = position.evaluations;
    steps_ = resumed->step;
    saved_ = {steps_, step_->pending()};
    skipped_ = skipped_said_ = step_->counters()[Counter::skipped];
  }
  share_weights(*model_, communicator_);
  require_equal_weights(*model_, communicator_);
  const int64_t rows = int64_t{settings_.global_batch_size} * settings_.gradient_accumulation_steps;
  std::string text = "Batch: " + std::to_string(settings_.global_batch_size);
  if (!communicator_.alone())
    text += " (" + std::to_string(rows_.count) + " in each of " + std::to_string(communicator_.size()) + " processes)";
  if (settings_.gradient_accumulation_steps > 1)
    text += " x " + std::to_string(settings_.gradient_accumulation_steps) + " accumulated = " + std::to_string(rows);
  text += "; " + with_commas(planned_) + " optimizer steps planned (" + with_commas(settings_.epochs) + " epochs)";
  if (target_ < planned_) text += ", stopping after " + with_commas(target_);
  logging::note(text);
  if (settings_.lr_warmup_steps >= planned_)
    logging::warn("lr_warmup_steps " + std::to_string(settings_.lr_warmup_steps) +
                  " is not below the planned steps: the learning rate does not reach lr");
  if (resumed) logging::note("Resuming from " + plan_.resume->string() + " at step " + with_commas(steps_));
}

/// A name that this program chose is taken by making the folder: another run may be starting in the same second.
void Trainer::make_folder() {
  std::error_code error;
  const fs::path wanted = plan_.folder;
  fs::create_directories(plan_.name_is_ours && wanted.has_parent_path() ? wanted.parent_path() : wanted, error);
  for (int number = 2; plan_.name_is_ours && !error && !fs::create_directory(plan_.folder, error) && !error; ++number)
    plan_.folder = wanted.string() + "-" + std::to_string(number);
  if (error) throw checkpoint::Error("cannot make the run folder " + quoted(plan_.folder) + ": " + error.message());
}

void Trainer::open_folder(bool resumed) {
  if (!communicator_.first()) return;
  std::error_code error;
  make_folder();
  lock_.emplace(plan_.folder);
  if (lock_->problem()) logging::warn(*lock_->problem());
  if (checkpoint::checkpoints_in(plan_.folder) != plan_.present)
    throw checkpoint::Error("the checkpoints in " + quoted(plan_.folder) +
                            " changed while this run was starting: another one wrote there; start again");
  logging::append_to(plan_.folder / "train.log");
  checkpoint::remove_stale_temporaries(plan_.folder);
  for (const fs::path& file : plan_.broken) {
    fs::path aside = file;
    aside += ".damaged";
    fs::rename(file, aside);
    logging::warn(quoted(file) + " is not whole: kept as " + aside.filename().string());
  }
  const std::string config = to_yaml(settings_, data_.metadata);
  checkpoint::write_file(plan_.folder / "all_config.yaml", config);
  const std::optional<int64_t> resumed_step = resumed ? std::optional(steps_) : std::nullopt;
  log_.emplace(plan_.folder, resumed_step);
  if (settings_.tensorboard) events_.emplace(plan_.folder, resumed_step);
  const std::map<std::string, std::string> notes = {{"data", data_digest(*data_.train)},
                                                    {"device", name_of(device_.kind)},
                                                    {"device_name", Backend::of(device_).info().name},
                                                    {"threads", std::to_string(thread_count())},
                                                    {"version", program_version()},
                                                    {"precision", name_of(model_->dtype())}};
  writer_.emplace(plan_.folder, settings_, CheckpointWriter::Constants{config, data_.tokenizer_json, notes}, progress_);
  if (resumed) writer_->resume(steps_);
  logging::note("Run folder: " + plan_.folder.string());

  uint64_t bytes = 0;
  for (const auto& [name, tensor] : model_->state()) bytes += tensor.bytes();
  for (const auto& [name, tensor] : optimizer_->state(model_->parameters())) bytes += tensor.bytes();
  const fs::space_info space = fs::space(plan_.folder, error);
  if (!error && space.available < bytes)
    logging::warn("a checkpoint takes about " + with_commas(static_cast<int64_t>(bytes >> 20)) + " MiB, and " +
                  with_commas(static_cast<int64_t>(space.available >> 20)) + " MiB are free in " +
                  quoted(plan_.folder));
}

}  // namespace trm
