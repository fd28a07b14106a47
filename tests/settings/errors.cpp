#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

using Errors = Configs;

/// A bad override, and what its message must name: key, value, what is taken, what is near.
struct Bad {
  std::string override;
  std::vector<std::string> parts;
};

TEST_F(Errors, EveryMessageNamesKeyValueAndExpectation) {
  const std::vector<Bad> cases = {
      {"epoch=2", {"'epoch'", "'2'", "'epochs'", "an integer of at least 1"}},
      {"hidden_size=64", {"'hidden_size'", "'64'", "'arch.hidden_size'"}},
      {"arch.hiden_size=64", {"'arch.hiden_size'", "'arch.hidden_size'"}},
      {"batch_size=2", {"'batch_size'", "'global_batch_size'"}},
      {"arch.loss_type=x", {"'arch.loss_type'", "'arch.loss.loss_type'"}},
      {"grad_clip=1", {"'grad_clip'", "'grad_clip_norm'"}},
      {"arch={widht: 3}", {"'arch.widht'", "'3'"}},
      {"Epochs=2", {"'Epochs'", "'epochs'"}},
      {"seq_len=64", {"'seq_len'", "'64'", "dataset"}},
      {"epochs=abc", {"epochs", "'abc'", "command line", "an integer of at least 1"}},
      {"epochs=2.5", {"epochs", "'2.5'", "an integer"}},
      {"epochs=true", {"epochs", "'true'", "an integer"}},
      {"epochs=null", {"epochs", "'null'", "an integer"}},
      {"epochs=", {"epochs", "''", "an integer"}},
      {"epochs=[1]", {"epochs", "'[1]'", "an integer"}},
      {"epochs=99999999999", {"epochs", "'99999999999'", "too large"}},
      {"global_batch_size=0", {"global_batch_size", "'0'", "at least 1"}},
      {"gradient_accumulation_steps=0", {"gradient_accumulation_steps", "'0'", "at least 1"}},
      {"arch.halt_max_steps=0", {"arch.halt_max_steps", "'0'", "from 1 to 10000"}},
      {"arch.halt_exploration_prob=1.5", {"arch.halt_exploration_prob", "'1.5'", "from 0 to 1"}},
      {"lr=-1e-3", {"lr", "'-1e-3'", "a number of at least 0"}},
      {"lr=nan", {"lr", "'nan'", "a number"}},
      {"lr=1e-3,1e-4", {"lr", "'1e-3,1e-4'", "a number"}},
      {"beta1=1", {"beta1", "'1'", "from 0 to below 1"}},
      {"beta2=-0.1", {"beta2", "'-0.1'", "from 0 to below 1"}},
      {"grad_clip_norm=0", {"grad_clip_norm", "'0'", "above 0, or null"}},
      {"ema=maybe", {"ema", "'maybe'", "true or false"}},
      {"run_name=", {"run_name", "''", "a text, or null"}},
      {"run_name=[a]", {"run_name", "'[a]'", "a text"}},
      {"run_name=a\xff", {"run_name", "a text", R"(a\xFF)", "not UTF-8"}},
      {"data_paths=[\"a\\0b\"]", {"data_paths", "a\\0b", "a list of texts"}},
      {"optimizer=adam", {"optimizer", "'adam'", "adamw, adam_atan2, muon", "the nearest is adamw"}},
      {"muon_lr=-0.1", {"muon_lr", "'-0.1'", "a number of at least 0"}},
      {"muon_momentum=1", {"muon_momentum", "'1'", "from 0 to below 1"}},
      {"muon_steps=0", {"muon_steps", "'0'", "from 1 to 100"}},
      {"muon_weight_decay=x", {"muon_weight_decay", "'x'", "a number of at least 0"}},
      {"muon_split_heads=2", {"muon_split_heads", "'2'", "true or false"}},
      {"muon_step=3", {"'muon_step'", "'muon_steps'"}},
      {"ema_start=-1", {"ema_start", "'-1'", "at least 0"}},
      {"lr_schedule=cos", {"lr_schedule", "'cos'", "cosine, linear, constant", "the nearest is cosine"}},
      {"arch.loss.loss_type=stablemax",
       {"'stablemax'", "softmax_cross_entropy", "the nearest is stablemax_cross_entropy"}},
      {"arch.pos_encodings=rop", {"'rop'", "rope, learned, none", "the nearest is rope"}},
      {"arch.forward_dtype=float16", {"'float16'", "bfloat16, float32"}},
      {"arch.q_position=frist", {"'frist'", "first, last", "the nearest is first"}},
      {"arch.name=trm_single", {"'trm_single'", "transformers_baseline", "the nearest is trm_singlez"}},
      {"arch.name=recursive_reasoning.trm:Other", {"recursive_reasoning.trm:Other", "trm_hier6"}},
      {"arch.loss.name=losses:Other", {"arch.loss.name", "losses:Other", "losses:ACTLossHead"}},
      {"dataset_type=text", {"dataset_type", "'text'", "puzzle, chat"}},
      {"data_paths=data/a", {"data_paths", "'data/a'", "a list of texts", "data_paths=[data/a]"}},
      {"data_paths=[a", {"data_paths", "'[a'", "[a,b]"}},
      {"data_paths=[[a]]", {"data_paths", "'[[a]]'", "a list"}},
      {"evaluators=[{name: sudoku@X}]", {"evaluators", "sudoku@X", "arc@ARC"}},
      {"evaluators=[{name: arc@ARC, k: 1}]", {"evaluators", "k: 1", "submission_K"}},
      {"arch=tmr", {"'arch/tmr'", root.string(), "the nearest is 'trm'", "wide"}},
      {"arch=null", {"arch", "'null'"}},
      {"arch.loss=softmax", {"arch.loss", "'softmax'", "loss_type"}},
      {"epochs", {"'epochs'", "key=value", "an integer"}},
      {"=3", {"'=3'", "key=value"}},
      {"arch..x=3", {"'arch..x=3'", "key=value"}},
      {"", {"''", "key=value"}},
      {"--epochs=3", {"'--epochs'", "epochs"}},
      {"epochs.x=3", {"'epochs.x'", "epochs"}},
  };
  for (const Bad& bad : cases) {
    SCOPED_TRACE(bad.override);
    expect_all(error({bad.override}), bad.parts);
  }
}

TEST_F(Errors, InAFileTheyNameTheLine) {
  write("type", "epochs: 3\nlr: fast\n");
  expect_all(error({}, "type"), {"lr", "'fast'", "type.yaml:2", "a number"});
  EXPECT_EQ(settings({"lr=1"}, "type").lr, 1.0) << "what the command line replaces is not looked at";
  write("twice", "epochs: 3\nepochs: 4\n");
  expect_all(error({}, "twice"), {"twice.yaml:2", "'epochs'", "twice"});
  write("broken", "epochs: 3\n  lr: [1\n");
  expect_all(error({}, "broken"), {"broken.yaml:", "malformed YAML"});
  write("scalar", "arch: trm\n");
  expect_all(error({}, "scalar"), {"arch", "'trm'", "scalar.yaml:1", "defaults"});
  expect_all(error({"arch.hidden_size=8"}, "scalar"), {"hidden_size", "'trm'", "scalar.yaml:1"});
  write("list", "- a\n");
  expect_all(error({}, "list"), {"list.yaml", "map"});
  write("bad_defaults", "defaults: trm\n");
  expect_all(error({}, "bad_defaults"), {"bad_defaults.yaml:1", "'trm'", "_self_"});
  write("bad_entry", "defaults:\n  - {a: b, c: d}\n");
  expect_all(error({}, "bad_entry"), {"bad_entry", "GROUP: OPTION"});
  write("two_selves", "defaults: [_self_, _self_]\n");
  expect_all(error({}, "two_selves"), {"two_selves", "_self_ twice"});
  write("missing", "defaults: [{arch: gone}]\n");
  expect_all(error({}, "missing"), {"'arch/gone'"});
}

TEST_F(Errors, AnEmptyFileIsAnEmptyConfig) {
  write("empty", "");
  EXPECT_EQ(settings({}, "empty"), Settings{});
  write("comment", "# nothing\n");
  EXPECT_EQ(settings({}, "comment"), Settings{});
}

TEST_F(Errors, ConfigNames) {
  expect_all(error({}, "nothing_like_it"), {"'nothing_like_it'", root.string(), "cfg_pretrain"});
  expect_all(error({}, ""), {"--config-name"});
}

}  // namespace
}  // namespace trm::testing
