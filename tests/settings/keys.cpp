#include "settings/keys.h"

#include <algorithm>
#include <set>

#include "settings/nearest.h"
#include "settings/scalars.h"
#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

TEST(Keys, AreThoseOfTheSpecification) {
  std::set<std::string> paths;
  for (const Key& key : keys()) EXPECT_TRUE(paths.insert(key.path).second) << key.path << " is declared twice";
  const std::vector<std::string> arch = {"name",
                                         "loss.loss_type",
                                         "hidden_size",
                                         "num_heads",
                                         "expansion",
                                         "H_cycles",
                                         "L_cycles",
                                         "H_layers",
                                         "L_layers",
                                         "pos_encodings",
                                         "rope_theta",
                                         "rms_norm_eps",
                                         "puzzle_emb_ndim",
                                         "puzzle_emb_len",
                                         "mlp_t",
                                         "causal",
                                         "q_position",
                                         "no_ACT_continue",
                                         "halt_max_steps",
                                         "halt_exploration_prob",
                                         "forward_dtype",
                                         "loss.name",
                                         "mixer"};
  const std::vector<std::string> run = {"data_paths",
                                        "data_paths_test",
                                        "dataset_type",
                                        "augment",
                                        "evaluators",
                                        "global_batch_size",
                                        "gradient_accumulation_steps",
                                        "epochs",
                                        "eval_interval",
                                        "min_eval_interval",
                                        "checkpoint_every_eval",
                                        "checkpoint_interval",
                                        "lr",
                                        "lr_min_ratio",
                                        "lr_warmup_steps",
                                        "lr_schedule",
                                        "beta1",
                                        "beta2",
                                        "weight_decay",
                                        "optimizer",
                                        "muon_lr",
                                        "muon_momentum",
                                        "muon_steps",
                                        "muon_weight_decay",
                                        "muon_split_heads",
                                        "puzzle_emb_lr",
                                        "puzzle_emb_weight_decay",
                                        "grad_clip_norm",
                                        "ema",
                                        "ema_rate",
                                        "ema_start",
                                        "freeze_weights",
                                        "seed",
                                        "project_name",
                                        "run_name",
                                        "load_checkpoint",
                                        "resume",
                                        "checkpoint_path",
                                        "eval_save_outputs",
                                        "eval_depths",
                                        "eval_steps",
                                        "eval_rollouts",
                                        "eval_noise",
                                        "eval_views",
                                        "eval_select",
                                        "num_workers",
                                        "pin_memory",
                                        "max_steps",
                                        "log_interval",
                                        "tensorboard",
                                        "keep_last_n_checkpoints",
                                        "keep_best"};
  for (const std::string& key : arch) EXPECT_TRUE(find_key("arch." + key)) << key;
  for (const std::string& key : run) EXPECT_TRUE(find_key(key)) << key;
  EXPECT_EQ(keys().size(), arch.size() + run.size());
}

TEST(Keys, EachTakesItsDefaultAndTellsIt) {
  const std::string all = describe_keys();
  for (const Key& key : keys()) {
    Settings s;
    EXPECT_TRUE(key.read(s, key.default_value)) << key.path;
    EXPECT_EQ(s, Settings{}) << key.path;
    expect_all(all, {key.path + " = ", key.takes, key.help});
  }
  expect_all(all,
             {"epochs = 100000", "arch.pos_encodings = rope", "one of rope, learned, none", "grad_clip_norm = null"});
}

TEST(Nearest, SlipsOfTheFinger) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("epohcs", "epochs"), 1) << "neighbours swapped";
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(nearest_key("learning_rate_warmup_steps").path, "lr_warmup_steps");
  EXPECT_EQ(nearest_key("num_head").path, "arch.num_heads");
  EXPECT_EQ(nearest_key("arch.epochs").path, "epochs");
  EXPECT_EQ(nearest_key("mlpt").path, "arch.mlp_t");
  EXPECT_EQ(nearest_key("arch.loss.los_type").path, "arch.loss.loss_type");
  EXPECT_TRUE(looks_like("ema_rat", "ema_rate"));
  EXPECT_FALSE(looks_like("wandb", "ema"));
}

TEST(Scalars, ByTheTypeOfTheKey) {
  EXPECT_EQ(to_number("1e-4"), 1e-4);
  EXPECT_EQ(to_number(".5"), 0.5);
  EXPECT_EQ(to_number("+2."), 2.0);
  for (const char* bad : {"", "1e", "0x10", "inf", "nan", "1 2", "1e999", "--1", "+-1", "one"})
    EXPECT_FALSE(to_number(bad)) << bad;
  EXPECT_EQ(to_integer("-3"), -3);
  EXPECT_EQ(to_integer("2.0"), 2);
  EXPECT_EQ(to_integer("1_000"), 1000);
  for (const char* bad : {"", "2.5", "_1", "1_", "true", "1e300", "9223372036854775808"})
    EXPECT_FALSE(to_integer(bad)) << bad;
  EXPECT_EQ(from_number(1e-4).text, "0.0001");
  EXPECT_EQ(from_number(1e-5).text, "1.0e-05");
  EXPECT_EQ(from_number(0).text, "0.0");
  EXPECT_EQ(from_number(4).text, "4.0");
  EXPECT_EQ(from_number(0.95).text, "0.95");
}

}  // namespace
}  // namespace trm::testing
