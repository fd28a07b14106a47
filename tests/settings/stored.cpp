#include "settings/stored.h"

#include "settings/keys.h"
#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

Settings unusual() {
  Settings s;
  s.arch.hidden_size = 96;
  s.arch.rms_norm_eps = 1.0 / 3.0;
  s.arch.causal = true;
  s.arch.q_position = "last";
  s.data_paths = {"data/my chat", "a,b", "#x", "null", "1e-4", "\"q\"", "ünï/漢字", "${x}", "- a"};
  s.evaluators = {EvaluatorSettings{}, EvaluatorSettings{"arc@ARC", 3, {1, 4}, false}};
  s.max_steps = 123456789012345;
  s.eval_interval = 3;
  s.lr = 1.2345678901234567e-9;
  s.grad_clip_norm = 1.0;
  s.run_name = "2024-01-01 12:00";
  s.project_name = "yes";
  s.resume = "auto";
  s.checkpoint_path = "c:\\x\ny";
  s.num_workers = 0;
  s.pin_memory = false;
  s.tensorboard = true;
  return s;
}

TEST(Stored, ReadsBackWhatItWrote) {
  for (const Settings& s : {Settings{}, unusual()}) {
    const std::string text = to_yaml(s);
    const StoredSettings stored = settings_from_yaml(text, "config");
    EXPECT_EQ(stored.settings, s) << text;
    EXPECT_EQ(stored.data, DataMetadata{});
    EXPECT_TRUE(stored.warnings.empty());
    EXPECT_EQ(to_yaml(stored.settings), text);
  }
}

TEST(Stored, KeepsWhatIsKnownOfTheData) {
  const DataMetadata data{512, 4096, 1, 0, "sudoku"};
  const std::string text = to_yaml({}, data);
  expect_all(text, {"\nseq_len: 512\n", "\nvocab_size: 4096\n", "\nnum_puzzle_identifiers: 1\n", "\npad_id: 0\n", "\npuzzle_kind: sudoku\n"});
  EXPECT_EQ(settings_from_yaml(text, "config").data, data);
  expect_all(message_of([&] { settings_from_yaml("seq_len: long", "config"); }), {"seq_len", "'long'", "config:1"});
}

TEST(Stored, HoldsEveryKeyInItsPlace) {
  const std::string text = to_yaml({});
  for (const Key& key : keys()) {
    if (key.write) expect_all(text, {key.path.substr(key.path.rfind('.') + 1) + ": "});
  }
  expect_all(text, {"arch:\n  name: trm\n  loss:\n    loss_type: stablemax_cross_entropy\n  hidden_size: 512\n",
                    "\nlr: 0.0001\n", "\nresume: false\n", "\ngrad_clip_norm: null\n", "\ndata_paths: []\n"});
}

using StoredFile = Configs;

TEST_F(StoredFile, OpensAsAConfig) {
  write("run/all_config", to_yaml(unusual(), {512, 4096, 1, 0}));
  const LoadedSettings loaded = load({}, (root / "run/all_config").string());
  EXPECT_EQ(loaded.settings, unusual());
  EXPECT_TRUE(loaded.warnings.empty());
}

}  // namespace
}  // namespace trm::testing
