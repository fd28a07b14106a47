#include "settings/validate.h"

#include <cmath>

#include "settings/error.h"
#include "settings/keys.h"

namespace trm {
namespace {

std::string number(std::int64_t value) { return std::to_string(value); }

void check_mixer(const ArchSettings& arch) {
  if (arch.mlp_t && arch.causal)
    throw SettingsError(
        "arch.mlp_t: true with arch.causal: true (as in the Python project's trm_small) is refused: mlp_t mixes all "
        "positions, "
        "so that each would see the future; set arch.mlp_t=false, or arch.causal=false for puzzles");
  if (arch.mlp_t) return;  // no attention: no heads
  const int head_size = arch.hidden_size / arch.num_heads;
  const std::string heads = "hidden_size " + number(arch.hidden_size) + " / num_heads " + number(arch.num_heads);
  if (head_size == 0)
    throw SettingsError("arch.num_heads: got " + number(arch.num_heads) + ", takes at most arch.hidden_size (" +
                        number(arch.hidden_size) + "): a head would have no features");
  if (arch.pos_encodings == "rope" && head_size % 2 == 1)
    throw SettingsError("arch.pos_encodings: rope turns pairs of features, and the head size is odd: floor(" + heads +
                        ") = " + number(head_size) +
                        "; choose arch.num_heads or arch.hidden_size so that it is even, or learned or none");
}

void check_layers(const ArchSettings& arch) {
  const bool h_level = arch.name == "hrm" || arch.name == "transformers_baseline";
  if (h_level && arch.H_layers < 1)
    throw SettingsError("arch.H_layers: got 0, takes an integer of at least 1 for " + arch.name +
                        "; arch=" + arch.name + " chooses it with usual values");
  if (arch.name != "transformers_baseline" && arch.L_layers < 1)
    throw SettingsError("arch.L_layers: got 0, takes an integer of at least 1 for " + arch.name +
                        "; arch=" + arch.name + " chooses it with usual values");
  if (arch.name == "trm_hier6" && arch.L_cycles != 6)
    throw SettingsError("arch.L_cycles: got " + number(arch.L_cycles) +
                        ", takes 6 for trm_hier6, which has six features z_L and sets one a cycle");
}

/// The width before it is rounded up must be one at least.
void check_expansion(const ArchSettings& arch) {
  const double width = std::nearbyint(arch.expansion * arch.hidden_size * 2 / 3);
  if (width < 1 || width > 1 << 20)
    throw SettingsError("arch.expansion: gives the SwiGLU a width of expansion * hidden_size * 2/3 = " +
                        number(static_cast<std::int64_t>(width)) + ", takes one from 1 to " + number(1 << 20) +
                        " (arch.hidden_size " + number(arch.hidden_size) + ")");
}

void check_puzzle_row(const Settings& settings) {
  const ArchSettings& arch = settings.arch;
  const std::int64_t room = std::int64_t{arch.puzzle_emb_len} * arch.hidden_size;
  if (arch.puzzle_emb_len > 0 && arch.puzzle_emb_ndim > room)
    throw SettingsError("arch.puzzle_emb_ndim: got " + number(arch.puzzle_emb_ndim) + ", takes at most " +
                        number(room) + " (arch.puzzle_emb_len " + number(arch.puzzle_emb_len) + " * arch.hidden_size " +
                        number(arch.hidden_size) + "); arch.puzzle_emb_len=0 gives as many positions as it needs");
  if (settings.freeze_weights && arch.puzzle_emb_ndim == 0)
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
  check_mixer(settings.arch);
  check_layers(settings.arch);
  check_expansion(settings.arch);
  check_puzzle_row(settings);
  check_search(settings);
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
