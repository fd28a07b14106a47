#include "arch/facts.h"
#include "settings/class_names.h"
#include "settings/key_builder.h"
#include "settings/scalars.h"

namespace trm {
namespace {

/// `losses:ACTLossHead`, there only so that the Python project's files open: it is the one loss head there is.
Key loss_head() {
  Key row{"arch.loss.name", "losses:ACTLossHead", "the Python project's loss head; accepted, not kept", {}, {}, {}, {}};
  row.read = [](Settings&, const Node& node) { return node.is_scalar() && is_loss_head(node.text); };
  row.default_value = Node::scalar("losses:ACTLossHead");
  return row;
}

Key resume() {
  Key row = key("resume", &Settings::resume, "auto: the newest whole checkpoint under checkpoint_path, else afresh");
  row.takes = "auto, a checkpoint file, or false";
  row.choices = {"auto", "false"};
  row.read = [](Settings& settings, const Node& node) {
    if (node.is_null()) settings.resume = "false";
    if (node.is_null()) return true;
    if (!node.is_scalar() || node.text.empty() || !is_text(node.text)) return false;
    const auto flag = node.text.size() > 1 ? to_bool(node.text) : std::nullopt;
    if (flag && *flag) return false;  // true says nothing of where from
    settings.resume = flag ? "false" : node.text;
    return true;
  };
  row.write = [](const Settings& settings) {
    return settings.resume == "false" ? from_bool(false) : from_string(settings.resume);
  };
  row.default_value = from_bool(false);
  return row;
}

std::vector<std::string> mixer_names() {
  std::vector<std::string> names;
  for (const arch::MixerFacts& mixer : arch::mixers()) names.push_back(mixer.name);
  return names;
}

/// Null, its default, leaves it to mlp_t (settings/apply.cpp).
Key mixer() {
  Key row =
      or_null(word("arch.mixer", &ArchSettings::mixer,
                   "what lets positions see each other; null: mlp where arch.mlp_t, else attention", mixer_names()));
  row.default_value = {};
  return row;
}

std::vector<Key> arch_keys() {
  using A = ArchSettings;
  return {
      word("arch.name", &A::name, "the model", arch_names(), arch_name,
           ", or a Python class such as recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1"),
      loss_head(),
      word("arch.loss.loss_type", &A::loss_type, "token loss", {"stablemax_cross_entropy", "softmax_cross_entropy"}),
      key("arch.hidden_size", &A::hidden_size, "features of a position", between(1, 1 << 17)),
      key("arch.num_heads", &A::num_heads, "attention heads of floor(hidden_size / num_heads) features",
          between(1, 1 << 17)),
      key("arch.expansion", &A::expansion, "SwiGLU width: expansion * hidden_size * 2/3, up to a multiple of 256",
          {.low = 0, .high = 1024, .above_low = true}),
      key("arch.H_cycles", &A::H_cycles, "updates of z_H a supervision step; only the last with gradient",
          between(1, 1000)),
      key("arch.L_cycles", &A::L_cycles, "updates of z_L before each of z_H", between(1, 1000)),
      key("arch.H_layers", &A::H_layers, "blocks of the H level (hrm, transformers_baseline)", between(0, 1000)),
      key("arch.L_layers", &A::L_layers, "blocks of the L level", between(0, 1000)),
      word("arch.pos_encodings", &A::pos_encodings, "positions", {"rope", "learned", "none"}),
      key("arch.rope_theta", &A::rope_theta, "base of the rotary frequencies", above(0)),
      key("arch.rms_norm_eps", &A::rms_norm_eps, "added to the mean square in the RMS norm", above(0)),
      key("arch.puzzle_emb_ndim", &A::puzzle_emb_ndim, "features of a puzzle's row; 0 for none", between(0, 1 << 20)),
      key("arch.puzzle_emb_len", &A::puzzle_emb_len, "positions of it; 0 for as many as its features fill",
          between(0, 4096)),
      mixer(),
      key("arch.mlp_t", &A::mlp_t, "mix positions with a SwiGLU instead of attention: arch.mixer mlp"),
      key("arch.causal", &A::causal, "a position sees itself and those before it"),
      word("arch.q_position", &A::q_position, "the position that the halting head reads", {"first", "last"}),
      key("arch.no_ACT_continue", &A::no_ACT_continue, "halt by q_halt alone, without the continue loss"),
      key("arch.halt_max_steps", &A::halt_max_steps, "supervision steps at most", between(1, 10000)),
      key("arch.halt_exploration_prob", &A::halt_exploration_prob, "how often a least number of steps is drawn",
          between(0, 1)),
      word("arch.forward_dtype", &A::forward_dtype, "type of the activations", {"bfloat16", "float32"}),
  };
}

std::vector<Key> run_keys() {
  using S = Settings;
  return {
      key("data_paths", &S::data_paths, "dataset folders to train on"),
      key("data_paths_test", &S::data_paths_test, "dataset folders to evaluate on; [] for those of data_paths"),
      word("dataset_type", &S::dataset_type, "how examples are drawn and scored", {"puzzle", "chat"}),
      word("augment", &S::augment, "symmetries drawn for training examples as they are loaded",
           {"none", "sudoku", "dihedral", "arc"}),
      key("evaluators", &S::evaluators, "scores beside the metrics"),
      key("global_batch_size", &S::global_batch_size, "rows a batch", at_least(1)),
      key("gradient_accumulation_steps", &S::gradient_accumulation_steps, "batches an optimizer step", at_least(1)),
      key("epochs", &S::epochs, "times through the data; the schedule's length", at_least(1)),
      key("max_steps", &S::max_steps, "stop after that many optimizer steps, the schedule as planned", at_least(1)),
      key("eval_interval", &S::eval_interval, "epochs between evaluations; null for one at the end", at_least(1)),
      or_null(key("min_eval_interval", &S::min_eval_interval, "evaluations skipped at the start", at_least(0))),
      key("checkpoint_every_eval", &S::checkpoint_every_eval, "save after each evaluation, not only at the end"),
      key("checkpoint_interval", &S::checkpoint_interval, "optimizer steps between checkpoints", at_least(1)),
      key("keep_last_n_checkpoints", &S::keep_last_n_checkpoints, "delete older ones; null keeps all", at_least(1)),
      key("keep_best", &S::keep_best, "keep the best by exact_accuracy (puzzle) or lm_loss (chat)"),
      key("log_interval", &S::log_interval,
          "optimizer steps between lines of metrics; null for every one, on a GPU for at most ten lines a second",
          at_least(1)),
      key("tensorboard", &S::tensorboard, "also write the metrics as TensorBoard event files in the run's folder"),
      key("lr", &S::lr, "peak learning rate", at_least(0)),
      key("lr_min_ratio", &S::lr_min_ratio, "share of lr left at the end; 1 for constant", between(0, 1)),
      key("lr_warmup_steps", &S::lr_warmup_steps, "optimizer steps of linear warm-up", at_least(0)),
      word("lr_schedule", &S::lr_schedule, "the way down after the warm-up", {"cosine", "linear", "constant"}),
      key("beta1", &S::beta1, "decay of the first moment", from_to_below(0, 1)),
      key("beta2", &S::beta2, "decay of the second moment", from_to_below(0, 1)),
      key("weight_decay", &S::weight_decay, "decoupled weight decay", at_least(0)),
      word("optimizer", &S::optimizer, "for the dense parameters", {"adamw", "adam_atan2", "muon"}),
      key("muon_lr", &S::muon_lr, "peak learning rate of the matrices that muon takes; lr is that of the rest",
          at_least(0)),
      key("muon_momentum", &S::muon_momentum, "share of muon's momentum kept at a step", from_to_below(0, 1)),
      key("muon_steps", &S::muon_steps, "steps of muon's Newton-Schulz iteration", between(1, 100)),
      key("muon_weight_decay", &S::muon_weight_decay, "decoupled weight decay of muon's matrices", at_least(0)),
      key("muon_split_heads", &S::muon_split_heads, "muon takes each head of the qkv projection by itself"),
      key("puzzle_emb_lr", &S::puzzle_emb_lr, "learning rate of the puzzle rows", at_least(0)),
      key("puzzle_emb_weight_decay", &S::puzzle_emb_weight_decay, "weight decay of the puzzle rows", at_least(0)),
      key("grad_clip_norm", &S::grad_clip_norm, "largest global norm of the dense gradients", above(0)),
      key("ema", &S::ema, "evaluate and generate with an exponential moving average of the weights"),
      key("ema_rate", &S::ema_rate, "share of the average kept at a step", from_to_below(0, 1)),
      key("ema_start", &S::ema_start, "optimizer step from which the average is one; the weights themselves before",
          at_least(0)),
      key("freeze_weights", &S::freeze_weights, "train the puzzle embeddings only"),
      key("seed", &S::seed, "of weights, data order and exploration", at_least(0)),
      key("project_name", &S::project_name, "folder of the run's folder; null names it after the data"),
      key("run_name", &S::run_name, "the run's folder; null for one with the time"),
      key("load_checkpoint", &S::load_checkpoint, "checkpoint whose weights to start from"),
      resume(),
      key("checkpoint_path", &S::checkpoint_path, "the run's folder; null for checkpoints/<project_name>/<run_name>"),
      key("eval_save_outputs", &S::eval_save_outputs, "outputs of an evaluation to save, such as preds"),
      key("eval_depths", &S::eval_depths, "evaluations also tell the accuracy after each supervision step"),
      key("eval_steps", &S::eval_steps, "supervision steps of an evaluation; null for arch.halt_max_steps",
          between(1, 10000)),
      key("eval_rollouts", &S::eval_rollouts, "runs of each puzzle in an evaluation, from other latents or with noise",
          between(1, 10000)),
      key("eval_noise", &S::eval_noise, "deviation of the noise on the latents before each step of an evaluation",
          at_least(0)),
      key("eval_views", &S::eval_views, "symmetries of each puzzle that an evaluation asks for", between(1, 10000)),
      word("eval_select", &S::eval_select,
           "whose answer counts: of the first to halt, of the highest q, the most frequent, of the smallest residual",
           {"first", "q", "vote", "residual"}),
      key("num_workers", &S::num_workers, "loader threads; null for the device's rule", at_least(0)),
      key("pin_memory", &S::pin_memory, "page-locked staging; null for the device's rule"),
  };
}

}  // namespace

const std::vector<Key>& keys() {
  static const std::vector<Key> table = [] {
    std::vector<Key> rows = arch_keys();
    for (Key& row : run_keys()) rows.push_back(std::move(row));
    return rows;
  }();
  return table;
}

}  // namespace trm
