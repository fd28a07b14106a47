#include <stdexcept>

#include "checkpoint/run_folder.h"
#include "checkpoint/torch_import.h"
#include "data/error.h"
#include "data/files.h"
#include "data/metadata.h"
#include "device/rules.h"
#include "runtime/checkpoint_state.h"
#include "runtime/model_settings.h"
#include "settings/compose.h"
#include "settings/error.h"
#include "text/printable.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
using checkpoint::Array;
using checkpoint::Error;

constexpr const char* token_table = "model.inner.embed_tokens.embedding_weight";
constexpr const char* puzzle_table = "model.inner.puzzle_emb.weights";
constexpr const char* position_table = "model.inner.embed_pos.embedding_weight";
constexpr const char* sequence_mixer = "model.inner.L_level.layers.0.mlp_t.down_proj.weight";

Tensor host_tensor(const Array& array, const std::string& name) {
  if (array.type != checkpoint::ArrayType::float32)
    throw Error(name + " is " + std::string(checkpoint::name(array.type)) + "; a weight is float32");
  if (array.shape.size() > Shape::max_rank)
    throw Error(name + " has " + std::to_string(array.shape.size()) + " axes; a weight has at most " +
                std::to_string(Shape::max_rank));
  Shape shape;
  for (const int64_t size : array.shape) shape.push_back(size);
  // Not written to: load_state copies from it.
  return Tensor::wrap(const_cast<std::byte*>(array.bytes.data()), shape, DType::float32, cpu_device, nullptr);
}

std::optional<int64_t> rows_of(const StoredModel& stored, const std::string& name) {
  const auto found = stored.arrays.find("model/" + name);
  if (found == stored.arrays.end() || found->second.shape.empty()) return std::nullopt;
  return found->second.shape[0];
}

/// The n of the Python project's step_<n>, else 0.
int64_t step_in_name(const fs::path& file) {
  const std::string name = file.stem().string();
  const size_t digits = name.find_last_not_of("0123456789") + 1;
  return digits < name.size() && name.size() - digits < 18 ? std::stoll(name.substr(digits)) : 0;
}

/// What an imported state dict does not say is read from the run's dataset, where that is still there.
void fill_from_datasets(const Settings& settings, DataMetadata& data, std::string& tokenizer_json) {
  for (const std::string& path : settings.data_paths) {
    try {
      const Metadata metadata = read_metadata(fs::path(path) / "train" / "dataset.json");
      if (data.vocab_size && *data.vocab_size != metadata.vocab_size) continue;
      if (!data.seq_len) data.seq_len = metadata.seq_len;
      if (!data.pad_id) data.pad_id = metadata.pad_id;
      if (!data.puzzle_kind && !metadata.puzzle_kind.empty()) data.puzzle_kind = metadata.puzzle_kind;
      const fs::path tokenizer = fs::path(path) / "tokenizer" / "tokenizer.json";
      if (tokenizer_json.empty() && fs::exists(tokenizer)) tokenizer_json = read_text_file(tokenizer);
    } catch (const DataError&) {
      // No dataset of this run here.
    }
  }
}

void complete_imported(const StoredModel& stored, const LoadOptions& options, LoadedModel& loaded) {
  if (const std::string first = std::string("model/") + token_table; !stored.arrays.contains(first))
    throw Error(quoted(stored.file) + " is not a model of this kind: it has no tensor '" + token_table + "'; " +
                (stored.arrays.empty() ? "it has none at all"
                                       : "it has '" + printable(stored.arrays.begin()->first.substr(6)) + "'" +
                                             (stored.arrays.size() > 1 ? " and others" : "")));
  DataMetadata& data = loaded.data;
  data.vocab_size = rows_of(stored, token_table);
  data.num_puzzle_identifiers = rows_of(stored, puzzle_table);
  if (!data.num_puzzle_identifiers) data.num_puzzle_identifiers = 1;
  if (options.seq_len) data.seq_len = options.seq_len;
  DataMetadata any_length = data;
  any_length.seq_len = 1;
  const int prefix = model_config(loaded.settings, any_length).prefix();
  for (const char* name : {position_table, sequence_mixer})
    if (const auto positions = rows_of(stored, name); positions && !data.seq_len) data.seq_len = *positions - prefix;
  fill_from_datasets(loaded.settings, data, loaded.tokenizer_json);
  if (!data.seq_len)
    throw SettingsError(quoted(stored.file) +
                        " does not say for which sequence length it was trained, and no dataset of its configuration's "
                        "data_paths is here; add the line " +
                        "seq_len: N to the all_config.yaml beside it");
}

}  // namespace

StoredModel read_model(const fs::path& file_or_folder, bool prefer_ema) {
  StoredModel stored;
  stored.file = checkpoint::find_checkpoint(file_or_folder);
  const fs::path& file = stored.file;
  if (checkpoint::is_torch_file(file)) {
    stored.imported = true;
    stored.step = step_in_name(file);
    for (auto& [name, array] : checkpoint::import_torch(file)) stored.arrays["model/" + name] = std::move(array);
    const fs::path config = file.parent_path() / "all_config.yaml";
    if (fs::exists(config)) stored.stored = settings_from_yaml(read_text_file(config), config.string());
    return stored;
  }
  checkpoint::Checkpoint read = checkpoint::load(file, {"model/", "ema/"});
  stored.step = read.step;
  stored.tokenizer_json = std::move(read.tokenizer_json);
  stored.stored = settings_from_yaml(read.config_yaml, "the configuration in " + quoted(file));
  const bool use_ema = prefer_ema && stored.stored->settings.ema;
  for (auto& [name, array] : read.arrays)
    if (name.starts_with("model/")) stored.arrays.emplace(name, std::move(array));
  for (auto& [name, array] : read.arrays) {
    if (!use_ema || !name.starts_with("ema/")) continue;
    stored.arrays["model/" + name.substr(4)] = std::move(array);
    stored.ema = true;
  }
  return stored;
}

std::string load_weights(const std::map<std::string, Array>& arrays, const std::string& file, Model& model) {
  std::map<std::string, Tensor> state;
  for (const auto& [name, array] : arrays)
    if (name.starts_with("model/")) state[name.substr(6)] = host_tensor(array, "'" + file + "': " + name);
  std::string note;
  try {
    model.load_state(state, &note);
  } catch (const std::invalid_argument& error) {
    throw Error("'" + file + "' does not fit this configuration: " + error.what());
  }
  return note;
}

LoadedModel load_model(const fs::path& file_or_folder, Device device, const LoadOptions& options) {
  StoredModel stored = read_model(file_or_folder, options.prefer_ema);
  if (!stored.stored)
    throw SettingsError(
        quoted(stored.file) +
        " was written by PyTorch, and holds weights only: the all_config.yaml of its run is needed beside it");
  LoadedModel loaded;
  loaded.settings = stored.stored->settings;
  loaded.data = stored.stored->data;
  loaded.notes = stored.stored->warnings;
  if (!options.overrides.empty()) {
    LoadedSettings changed = with_overrides(loaded.settings, options.overrides);
    loaded.settings = std::move(changed.settings);
    loaded.notes.insert(loaded.notes.end(), changed.warnings.begin(), changed.warnings.end());
  }
  loaded.file = stored.file;
  loaded.step = stored.step;
  loaded.imported = stored.imported;
  loaded.ema = stored.ema;
  loaded.tokenizer_json = std::move(stored.tokenizer_json);
  if (stored.imported) complete_imported(stored, options, loaded);

  ModelConfig config = model_config(loaded.settings, loaded.data);
  const PrecisionRule precision = precision_rule(device, options.dtype.value_or(config.forward_dtype));
  if (precision.note) loaded.notes.push_back(*precision.note);
  config.forward_dtype = precision.dtype;
  loaded.model = std::make_unique<Model>(config, device, 0, false);
  load_weights(stored.arrays, stored.file.string(), *loaded.model);
  return loaded;
}

}  // namespace trm
