// Files in the shape of the Python project's own: they open unchanged.
#include "settings/class_names.h"
#include "settings/stored.h"
#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

struct PythonFiles : Configs {
  void arch(const std::string& module_and_class, const std::string& more = "") const {
    write("arch/python",
          "name: " + module_and_class +
              "\nloss:\n  name: losses:ACTLossHead\n  loss_type: stablemax_cross_entropy\n"
              "halt_exploration_prob: 0.1\nhalt_max_steps: 16\nH_cycles: 2\nL_cycles: 3\nH_layers: 4\nL_layers: 2\n"
              "hidden_size: 512\nnum_heads: 8  # min(2, hidden_size // 64)\nexpansion: 4\n"
              "puzzle_emb_ndim: ${.hidden_size}\npos_encodings: rope\nforward_dtype: bfloat16\n" +
              more);
  }
};

TEST_F(PythonFiles, APretrainConfigOpensWithoutAWarning) {
  arch("recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1",
       "mlp_t: False # use mlp\npuzzle_emb_len: 16\nno_ACT_continue: True\n");
  write("theirs",
        "defaults:\n  - arch: python\n  - _self_\n\nhydra:\n  output_subdir: null\n\n"
        "data_paths: ['data/arc-aug-1000']\ndata_paths_test: []\nevaluators:\n  - name: arc@ARC\n"
        "global_batch_size: 768\nepochs: 100000\neval_interval: 10000\ncheckpoint_every_eval: True\n"
        "lr: 1e-4\nlr_min_ratio: 1.0\nlr_warmup_steps: 2000\nbeta1: 0.9\nbeta2: 0.95\nweight_decay: 0.1\n"
        "puzzle_emb_weight_decay: 0.1\npuzzle_emb_lr: 1e-2\nseed: 0\nmin_eval_interval: 0 # when to start\n"
        "ema: False\nema_rate: 0.999\nfreeze_weights: False\n");
  const LoadedSettings loaded = load({}, "theirs");
  EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings[0];
  const Settings& s = loaded.settings;
  EXPECT_EQ(s.arch.name, "trm");
  EXPECT_EQ(s.arch.puzzle_emb_ndim, 512);
  EXPECT_EQ(s.arch.q_position, "first");
  EXPECT_EQ(s.lr, 1e-4);
  EXPECT_EQ(s.puzzle_emb_lr, 1e-2);
  EXPECT_EQ(s.evaluators, std::vector<EvaluatorSettings>(1));
  EXPECT_EQ(s.data_paths, std::vector<std::string>{"data/arc-aug-1000"});
  EXPECT_TRUE(s.checkpoint_every_eval);
}

TEST_F(PythonFiles, EveryClassIsKnown) {
  const std::vector<std::pair<std::string, std::string>> classes = {
      {"recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1", "trm"},
      {"recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1", "trm"},
      {"models.recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1", "trm"},
      {"recursive_reasoning.trm_singlez:TinyRecursiveReasoningModel_ACTV1", "trm_singlez"},
      {"recursive_reasoning.trm_hier6:TinyRecursiveReasoningModel_ACTV1", "trm_hier6"},
      {"recursive_reasoning.hrm:HierarchicalReasoningModel_ACTV1", "hrm"},
      {"recursive_reasoning.transformers_baseline:Model_ACTV2", "transformers_baseline"},
  };
  for (const auto& [python, ours] : classes) {
    arch(python);
    const std::string cycles = ours == "trm_hier6" ? "6" : "3";
    EXPECT_EQ(settings({"arch=python", "arch.L_cycles=" + cycles}).arch.name, ours) << python;
  }
  EXPECT_FALSE(arch_name("recursive_reasoning.hrm:Model_ACTV2")) << "a class of another module";
  EXPECT_FALSE(arch_name("trm:TinyRecursiveReasoningModel_ACTV1"));
  EXPECT_TRUE(is_loss_head("losses@ACTLossHead"));
}

TEST_F(PythonFiles, WhatAModelAlwaysHas) {
  arch("recursive_reasoning.hrm:HierarchicalReasoningModel_ACTV1");
  LoadedSettings loaded = load({"arch=python"});
  EXPECT_FALSE(loaded.settings.arch.no_ACT_continue) << "hrm always has the continue loss";
  EXPECT_EQ(loaded.settings.arch.puzzle_emb_len, 0) << "hrm takes ceil(ndim / hidden_size) positions";
  EXPECT_TRUE(loaded.warnings.empty());
  loaded = load({"arch=python", "arch.no_ACT_continue=true", "arch.puzzle_emb_len=16"});
  EXPECT_FALSE(loaded.settings.arch.no_ACT_continue);
  ASSERT_EQ(loaded.warnings.size(), 2u);
  expect_all(loaded.warnings[0], {"arch.no_ACT_continue", "hrm"});
  expect_all(loaded.warnings[1], {"arch.puzzle_emb_len", "16", "hrm"});
  arch("recursive_reasoning.transformers_baseline:Model_ACTV2");
  EXPECT_EQ(settings({"arch=python"}).arch.puzzle_emb_len, 0);
}

TEST_F(PythonFiles, ItsTrmSmallIsRefusedByName) {
  arch("recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1", "causal: true\nmlp_t: true\n");
  expect_all(error({"arch=python"}),
             {"arch.mlp_t: true", "arch.causal: true", "future", "arch.causal is from", "python.yaml:18"});
  EXPECT_TRUE(settings({"arch=python", "arch.mlp_t=False"}).arch.causal);
}

TEST_F(PythonFiles, KeysOfItsMpsTrainingAreWarnings) {
  write("theirs",
        "defaults:\n  - cfg_pretrain\n  - arch: trm\n  - _self_\nbatch_size: 2\nseq_len: 512\nadam_beta1: 0.9\n"
        "grad_clip: 1.0\nmax_steps: 10000\nwandb: false\nlog_interval: 50\nkeep_last_n_checkpoints: 3\n");
  const LoadedSettings loaded = load({}, "theirs");
  EXPECT_EQ(loaded.settings.max_steps, 10000);
  EXPECT_EQ(loaded.settings.log_interval, 50);
  EXPECT_EQ(loaded.settings.keep_last_n_checkpoints, 3);
  ASSERT_EQ(loaded.warnings.size(), 4u);
  expect_all(loaded.warnings[0], {"theirs.yaml:5", "'batch_size'", "'global_batch_size'"});
  expect_all(loaded.warnings[2], {"'grad_clip'", "'grad_clip_norm'"});
}

TEST_F(PythonFiles, AnAllConfigOpens) {
  const std::string text =
      "arch:\n  H_cycles: 3\n  H_layers: 0\n  L_cycles: 6\n  L_layers: 2\n  expansion: 4\n  forward_dtype: bfloat16\n"
      "  halt_exploration_prob: 0.1\n  halt_max_steps: 16\n  hidden_size: 512\n  loss:\n"
      "    loss_type: stablemax_cross_entropy\n    name: losses@ACTLossHead\n  mlp_t: true\n"
      "  name: recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1\n  no_ACT_continue: true\n  num_heads: 8\n"
      "  pos_encodings: none\n  puzzle_emb_len: 16\n  puzzle_emb_ndim: 512\n"
      "beta1: 0.9\nbeta2: 0.95\ncheckpoint_every_eval: true\n"
      "checkpoint_path: checkpoints/Arc-aug-1000-ACT-torch/TinyRecursiveReasoningModel_ACTV1\n  speedy-kagu\n"
      "data_paths:\n- data/arc-aug-1000\ndata_paths_test: []\nema: true\nema_rate: 0.999\nentity: null\nepochs: 50000\n"
      "eval_interval: 5000\neval_save_outputs: []\nevaluators:\n- name: arc@ARC\nfreeze_weights: false\n"
      "global_batch_size: 768\nload_checkpoint: null\nlr: 0.0001\nlr_min_ratio: 1.0\nlr_warmup_steps: 2000\n"
      "min_eval_interval: 0\nproject_name: Arc-aug-1000-ACT-torch\npuzzle_emb_lr: 0.01\n"
      "puzzle_emb_weight_decay: 0.1\nrun_name: TinyRecursiveReasoningModel_ACTV1 speedy-kagu\nseed: 0\nweight_decay: "
      "0.1\n";
  const StoredSettings stored = settings_from_yaml(text, "all_config.yaml");
  EXPECT_EQ(stored.settings.arch.name, "trm");
  EXPECT_TRUE(stored.settings.arch.mlp_t);
  EXPECT_EQ(stored.settings.arch.q_position, "first");
  EXPECT_EQ(stored.settings.run_name, "TinyRecursiveReasoningModel_ACTV1 speedy-kagu");
  EXPECT_EQ(stored.settings.checkpoint_path,
            "checkpoints/Arc-aug-1000-ACT-torch/TinyRecursiveReasoningModel_ACTV1 speedy-kagu");
  EXPECT_EQ(stored.data, DataMetadata{});
  ASSERT_EQ(stored.warnings.size(), 1u);
  expect_all(stored.warnings[0], {"all_config.yaml", "'entity'"});
  expect_all(message_of([&] { settings_from_yaml("arch: {mlp_t: true, causal: true}", "all_config.yaml"); }),
             {"mlp_t", "causal"});
}

}  // namespace
}  // namespace trm::testing
