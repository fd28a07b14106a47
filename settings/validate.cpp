#include "settings/validate.h"

#include <stdexcept>

#include "settings/error.h"
#include "settings/keys.h"

namespace trm {
namespace {

void check_arch(const ArchSettings& arch) {
  if (arch.mlp_t != (arch.mixer == "mlp"))
    throw SettingsError(std::string("arch.mlp_t: ") + (arch.mlp_t ? "true" : "false") + " with arch.mixer: " +
                        arch.mixer + " contradict each other: mlp_t is the mixer mlp; leave one of them out");
  try {
    check_architecture(arch, arch.pos_encodings == "rope");
  } catch (const std::invalid_argument& error) {
    throw SettingsError(error.what());
  }
}

void check_frozen(const Settings& settings) {
  if (settings.freeze_weights && settings.arch.puzzle_emb_ndim == 0)
    throw SettingsError(
        "freeze_weights: true trains the puzzle embeddings only, and arch.puzzle_emb_ndim is 0: nothing is left to "
        "train");
  if (settings.freeze_weights && settings.optimizer == "muon")
    throw SettingsError(
        "freeze_weights: true trains the puzzle embeddings only, and optimizer: muon is for the matrices of the "
        "blocks, which are frozen then; leave optimizer at adamw");
}

void check_search(const Settings& settings) {
  if (!searches(settings)) return;
  const std::string keys = "eval_steps, eval_rollouts, eval_noise, eval_views and eval_select";
  if (settings.dataset_type != "puzzle" || settings.arch.causal)
    throw SettingsError(keys + " search for answers to puzzles; this run is of dataset_type " + settings.dataset_type +
                        (settings.arch.causal ? " with arch.causal" : "") + ": leave them out");
  for (const std::string& name : settings.eval_save_outputs)
    if (name == "logits")
      throw SettingsError("eval_save_outputs: logits are of a single pass, and " + keys +
                          " ask for a search: leave one of them out");
}

}  // namespace

bool searches(const Settings& settings) {
  return settings.eval_steps || settings.eval_rollouts > 1 || settings.eval_views > 1 || settings.eval_noise > 0 ||
         settings.eval_select != Settings{}.eval_select;
}

void validate(const Settings& settings) {
  Settings scratch;
  for (const Key& key : keys())
    if (key.write)
      if (const Node value = key.write(settings); !key.read(scratch, value))
        throw SettingsError(wrong_value(key, value));
  check_arch(settings.arch);
  check_search(settings);
  check_frozen(settings);
}

std::vector<std::string> doubts(const Settings& settings) {
  std::vector<std::string> out;
  if (settings.dataset_type == "chat" && !settings.arch.causal)
    out.push_back("dataset_type: chat with arch.causal: false: every position sees the tokens that it is to predict");
  return out;
}

void require_data_paths(const Settings& settings) {
  if (settings.data_paths.empty())
    throw SettingsError(
        "data_paths: got [], takes at least one dataset folder; build one with build_dataset and name it: "
        "data_paths=[data/my-chat]");
}

}  // namespace trm
