// The configs under config/ hold what the specification says.
#include "settings/stored.h"
#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

Settings shipped(const std::string& name, const std::vector<std::string>& overrides = {}) {
  LoadRequest request;
  request.config_name = name;
  request.overrides = overrides;
  request.local_folder = source_dir() / "config";
  const LoadedSettings loaded = load_settings(request);
  EXPECT_TRUE(loaded.warnings.empty()) << name << ": " << loaded.warnings[0];
  EXPECT_TRUE(loaded.settings.data_paths.empty());
  return loaded.settings;
}

ArchSettings chat_arch() {
  ArchSettings a;
  a.loss_type = "softmax_cross_entropy";
  a.puzzle_emb_len = 0;
  a.causal = true;
  a.q_position = "last";
  a.halt_max_steps = 1;
  a.halt_exploration_prob = 0;
  return a;
}

ArchSettings small_arch() {
  ArchSettings a = chat_arch();
  a.hidden_size = 256;
  a.num_heads = 4;
  a.expansion = 2;
  a.H_cycles = a.L_cycles = 2;
  return a;
}

ArchSettings small_fp32_arch() {
  ArchSettings a = chat_arch();
  a.hidden_size = 768;
  a.num_heads = 8;
  a.expansion = 2;
  a.H_cycles = 3;
  a.L_cycles = 4;
  a.halt_max_steps = 4;
  a.halt_exploration_prob = 0.1;
  a.forward_dtype = "float32";
  return a;
}

Settings chat() {
  Settings s;
  s.arch = chat_arch();
  s.arch.hidden_size = 384;
  s.arch.num_heads = 12;
  s.arch.L_layers = 4;
  s.arch.H_cycles = s.arch.L_cycles = 1;
  s.dataset_type = "chat";
  s.global_batch_size = 4;
  s.gradient_accumulation_steps = 8;
  s.epochs = 10;
  s.eval_interval = 1;
  s.checkpoint_every_eval = true;
  s.lr = 3e-4;
  s.lr_min_ratio = 0.1;
  s.lr_warmup_steps = 1000;
  s.ema = true;
  return s;
}

Settings chat_fast() {
  Settings s = chat();
  s.arch = small_arch();
  s.global_batch_size = 8;
  s.gradient_accumulation_steps = 4;
  s.epochs = 5;
  s.lr_warmup_steps = 100;
  s.ema = false;
  return s;
}

Settings chat_fp32() {
  Settings s = chat_fast();
  s.arch = small_fp32_arch();
  s.lr = 1e-4;
  s.grad_clip_norm = 1.0;
  s.epochs = 100;
  return s;
}

TEST(Shipped, Pretrain) {
  Settings s;
  s.arch.puzzle_emb_ndim = 512;
  s.evaluators = {{}};
  s.global_batch_size = 768;
  s.epochs = 100000;
  s.eval_interval = 10000;
  s.checkpoint_every_eval = true;
  s.lr = 1e-4;
  s.lr_min_ratio = 1.0;
  s.lr_warmup_steps = 2000;
  s.grad_clip_norm = 1.0;
  EXPECT_EQ(shipped("cfg_pretrain"), s);
}

Settings sudoku() {
  Settings s;
  s.arch.puzzle_emb_ndim = 512;
  s.arch.mlp_t = true;
  s.arch.mixer = "mlp";
  s.arch.pos_encodings = "none";
  s.augment = "sudoku";
  s.epochs = 50000;
  s.eval_interval = 5000;
  s.checkpoint_every_eval = true;
  s.optimizer = "adam_atan2";
  s.weight_decay = s.puzzle_emb_weight_decay = 1.0;
  s.puzzle_emb_lr = 1e-4;
  s.ema = true;
  return s;
}

TEST(Shipped, Puzzles) {
  EXPECT_EQ(shipped("cfg_sudoku"), sudoku());
  Settings maze = sudoku();
  maze.arch.mlp_t = false;
  maze.arch.mixer = "attention";
  maze.arch.pos_encodings = "rope";
  maze.arch.L_cycles = 4;
  maze.augment = "none";
  EXPECT_EQ(shipped("cfg_maze"), maze);
  const Settings small = shipped("cfg_sudoku_small");
  EXPECT_EQ(small.augment, "sudoku");
  EXPECT_TRUE(small.arch.mlp_t);
  EXPECT_EQ(small.arch.forward_dtype, "float32");
}

TEST(Shipped, Chat) {
  EXPECT_EQ(shipped("cfg_chat"), chat());
  EXPECT_EQ(shipped("cfg_chat_fast"), chat_fast());
  EXPECT_EQ(shipped("cfg_chat_fp32"), chat_fp32());
  Settings fast = chat_fp32();
  fast.epochs = 10;
  EXPECT_EQ(shipped("cfg_chat_fast_fp32"), fast);
}

TEST(Shipped, MpsTraining) {
  Settings s = chat_fast();
  s.global_batch_size = 2;
  s.gradient_accumulation_steps = 16;
  s.lr = 1e-3;
  s.keep_last_n_checkpoints = 3;
  EXPECT_EQ(shipped("mps_training"), s);
}

TEST(Shipped, Models) {
  ArchSettings trm;
  trm.puzzle_emb_ndim = 512;
  EXPECT_EQ(shipped("cfg_pretrain", {"arch=trm"}).arch, trm);
  ArchSettings other = trm;
  other.name = "trm_singlez";
  EXPECT_EQ(shipped("cfg_pretrain", {"arch=trm_singlez"}).arch, other);
  other.name = "trm_hier6";
  EXPECT_EQ(shipped("cfg_pretrain", {"arch=trm_hier6"}).arch, other);
  ArchSettings hrm = trm;
  hrm.name = "hrm";
  hrm.H_cycles = hrm.L_cycles = 2;
  hrm.H_layers = hrm.L_layers = 4;
  hrm.puzzle_emb_len = 0;
  hrm.no_ACT_continue = false;
  EXPECT_EQ(shipped("cfg_pretrain", {"arch=hrm"}).arch, hrm);
  ArchSettings baseline = trm;
  baseline.name = "transformers_baseline";
  baseline.num_heads = 12;
  baseline.H_cycles = baseline.L_cycles = 1;
  baseline.H_layers = 8;
  baseline.L_layers = 0;
  baseline.puzzle_emb_len = 0;
  EXPECT_EQ(shipped("cfg_pretrain", {"arch=transformers_baseline"}).arch, baseline);
  EXPECT_EQ(shipped("cfg_pretrain", {"arch=trm_small"}).arch, small_arch());
  EXPECT_EQ(shipped("cfg_chat", {"arch=trm_small_fp32"}).arch, small_fp32_arch());
}

TEST(Shipped, TheSpecificationsExample) {
  const Settings s = shipped("cfg_pretrain", {"arch=trm", "arch.L_layers=2", "arch.mlp_t=True",
                                              "arch.pos_encodings=none", "+run_name=x", "ema=True"});
  EXPECT_TRUE(s.arch.mlp_t);
  EXPECT_EQ(s.arch.pos_encodings, "none");
  EXPECT_EQ(s.run_name, "x");
  EXPECT_TRUE(s.ema);
}

TEST(Shipped, TheMixerAndMlpTAreOneChoice) {
  EXPECT_EQ(shipped("cfg_pretrain").arch.mixer, "attention");
  const Settings by_mixer = shipped("cfg_pretrain", {"arch.mixer=mlp"}),
                 by_flag = shipped("cfg_pretrain", {"arch.mlp_t=True"});
  EXPECT_EQ(by_mixer, by_flag);
  EXPECT_EQ(by_mixer.arch.mixer, "mlp");
  EXPECT_TRUE(by_mixer.arch.mlp_t);
  EXPECT_EQ(shipped("cfg_pretrain", {"arch.mlp_t=True", "arch.mixer=null"}), by_flag);
  expect_all(to_yaml(by_mixer), {"\n  mixer: mlp\n", "\n  mlp_t: true\n"});
  expect_all(message_of([] {
               shipped("cfg_pretrain", {"arch.mlp_t=True", "arch.mixer=attention"});
             }),
             {"arch.mlp_t: true", "arch.mixer: attention", "command line"});
  expect_all(message_of([] { shipped("cfg_pretrain", {"arch.mixer=mamba"}); }),
             {"arch.mixer", "'mamba'", "attention, mlp", "null"});
  expect_all(message_of([] { shipped("cfg_chat", {"arch.mixer=mlp"}); }), {"arch.mlp_t", "arch.causal", "future"});
}

}  // namespace
}  // namespace trm::testing
