#pragma once
// Every setting of a run, as plain values. keys.h declares what each may be; the defaults are those of a key no file
// names.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/architecture.h"

namespace trm {

/// The model: its numbers, and what settings hold as words.
struct ArchSettings : Architecture {
  std::string loss_type = "stablemax_cross_entropy";  // or softmax_cross_entropy
  std::string pos_encodings = "rope";                 // rope | learned | none
  bool mlp_t = false;                      // the Python project's way to say mixer: mlp; always consistent with it
  std::string q_position = "first";        // the position the q head reads: first | last
  std::string forward_dtype = "bfloat16";  // bfloat16 | float32

  bool operator==(const ArchSettings&) const = default;
};

/// An evaluator and its options, written `- name: arc@ARC` in YAML.
struct EvaluatorSettings {
  std::string name = "arc@ARC";
  int submission_K = 2;  // attempts a test input in submission.json
  std::vector<int> pass_Ks = {1, 2, 5, 10, 100, 1000};
  bool aggregated_voting = true;

  bool operator==(const EvaluatorSettings&) const = default;
};

struct Settings {
  ArchSettings arch;

  std::vector<std::string> data_paths;       // dataset folders; require_data_paths() where they are needed
  std::vector<std::string> data_paths_test;  // empty: the test splits of data_paths
  std::string dataset_type = "puzzle";       // puzzle | chat
  std::string augment = "none";              // none | sudoku | dihedral | arc: of training examples as they are loaded
  std::vector<EvaluatorSettings> evaluators;

  int global_batch_size = 768;
  int gradient_accumulation_steps = 1;
  int epochs = 100000;
  std::optional<std::int64_t> max_steps;  // optimizer steps; the schedule stays that of `epochs`
  std::optional<int> eval_interval;       // epochs; unset: at the end only
  int min_eval_interval = 0;              // evaluations skipped at the start
  bool checkpoint_every_eval = false;
  std::optional<int> checkpoint_interval;      // optimizer steps
  std::optional<int> keep_last_n_checkpoints;  // unset: all
  bool keep_best = true;                       // by exact_accuracy (puzzle), lm_loss (chat)
  std::optional<int> log_interval;             // optimizer steps; unset: each, but ten reads of a device a second
  bool tensorboard = false;                    // event files beside metrics.jsonl

  double lr = 1e-4;
  double lr_min_ratio = 1.0;
  int lr_warmup_steps = 2000;          // optimizer steps
  std::string lr_schedule = "cosine";  // cosine | linear | constant, after the warm-up
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0.1;
  std::string optimizer = "adamw";  // adamw | adam_atan2 | muon
  double muon_lr = 0.02;
  double muon_momentum = 0.6;
  int muon_steps = 3;  // of Newton-Schulz
  double muon_weight_decay = 0.005;
  bool muon_split_heads = false;
  double puzzle_emb_lr = 1e-2;
  double puzzle_emb_weight_decay = 0.1;
  std::optional<double> grad_clip_norm;
  bool ema = false;
  double ema_rate = 0.999;
  int ema_start = 0;  // optimizer steps
  bool freeze_weights = false;  // train the puzzle embeddings only
  std::int64_t seed = 0;

  std::optional<std::string> project_name;
  std::optional<std::string> run_name;
  std::optional<std::string> load_checkpoint;  // weights to start from
  std::string resume = "false";                // auto | false | a checkpoint file
  std::optional<std::string> checkpoint_path;  // unset: checkpoints/<project>/<run>
  std::vector<std::string> eval_save_outputs;
  bool eval_depths = false;        // accuracy after each supervision step
  std::optional<int> eval_steps;   // supervision steps; unset: halt_max_steps
  int eval_rollouts = 1;           // from latents of their own, or with noise
  double eval_noise = 0;           // deviation, before each supervision step
  int eval_views = 1;              // symmetries of each puzzle
  std::string eval_select = "q";   // whose answer: first | q | vote | residual
  std::optional<int> num_workers;  // unset: the device's rule
  std::optional<bool> pin_memory;  // unset: the device's rule

  bool operator==(const Settings&) const = default;
};

/// What a stored config says of the data that the run was made for, beside its settings.
struct DataMetadata {
  std::optional<std::int64_t> seq_len, vocab_size, num_puzzle_identifiers, pad_id;
  std::optional<std::string> puzzle_kind = {};  // as puzzles/kinds.h names them

  bool operator==(const DataMetadata&) const = default;
};

}  // namespace trm
