#include "settings/override.h"
#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

using Overrides = Configs;
using Words = std::vector<std::string>;

TEST_F(Overrides, EveryFormSetsAKey) {
  EXPECT_EQ(settings({"epochs=2"}).epochs, 2);
  EXPECT_EQ(settings({"+epochs=2"}).epochs, 2);
  EXPECT_EQ(settings({"++epochs=2"}).epochs, 2);
  EXPECT_EQ(settings({"epochs=2", "epochs=3"}).epochs, 3);
  EXPECT_EQ(settings({" epochs = 2 "}).epochs, 2);
}

TEST_F(Overrides, TildeReturnsAKeyToItsDefault) {
  EXPECT_EQ(settings({"~epochs"}).epochs, Settings{}.epochs);
  EXPECT_EQ(settings({"~epochs=7"}).epochs, Settings{}.epochs);
  EXPECT_EQ(settings({"~arch.hidden_size"}).arch.hidden_size, 512);
  EXPECT_EQ(settings({"~arch"}).arch, ArchSettings{});
  EXPECT_EQ(settings({"~epochs", "epochs=4"}).epochs, 4);
  expect_all(error({"~epochs=8"}), {"~epochs", "'8'", "'7'"});
  expect_all(error({"~epoch"}), {"epoch", "'epochs'"});
}

TEST_F(Overrides, NumbersWordsAndNull) {
  EXPECT_EQ(settings({"lr=1e-4"}).lr, 1e-4);
  EXPECT_EQ(settings({"lr=3E-4"}).lr, 3e-4);
  EXPECT_EQ(settings({"lr=1"}).lr, 1.0);
  EXPECT_EQ(settings({"epochs=1e3"}).epochs, 1000);
  EXPECT_EQ(settings({"epochs=10_000"}).epochs, 10000);
  EXPECT_TRUE(settings({"ema=True"}).ema);
  EXPECT_TRUE(settings({"ema=true"}).ema);
  EXPECT_FALSE(settings({"ema=False"}).ema);
  EXPECT_EQ(settings({"grad_clip_norm=1", "grad_clip_norm=null"}).grad_clip_norm, std::nullopt);
  EXPECT_EQ(settings({"num_workers=0"}).num_workers, 0);
  EXPECT_EQ(settings({"pin_memory=false"}).pin_memory, false);
  EXPECT_EQ(settings({"min_eval_interval=null"}).min_eval_interval, 0);
  EXPECT_EQ(settings({"seed=9007199254740993"}).seed, 9007199254740993);
}

TEST_F(Overrides, TextIsKeptAsTyped) {
  EXPECT_EQ(settings({"+run_name=x"}).run_name, "x");
  EXPECT_EQ(settings({"run_name=1e-4"}).run_name, "1e-4");
  EXPECT_EQ(settings({"run_name=a: b # c"}).run_name, "a: b # c");
  EXPECT_EQ(settings({"run_name=a=b"}).run_name, "a=b");
  EXPECT_EQ(settings({"run_name='null'"}).run_name, "null");
  EXPECT_EQ(settings({"run_name=\"a\\nb\""}).run_name, "a\nb");
  EXPECT_EQ(settings({"run_name=null"}).run_name, std::nullopt);
  EXPECT_EQ(settings({"load_checkpoint=my runs/step_1.h5"}).load_checkpoint, "my runs/step_1.h5");
}

TEST_F(Overrides, ListsAndMapsInFlowForm) {
  EXPECT_EQ(settings({"data_paths=[data/a,data/b]"}).data_paths, (Words{"data/a", "data/b"}));
  EXPECT_EQ(settings({"data_paths=[data/my chat]"}).data_paths, (Words{"data/my chat"}));
  EXPECT_EQ(settings({"data_paths=['a,b', \"c\"]"}).data_paths, (Words{"a,b", "c"}));
  EXPECT_EQ(settings({"data_paths=[a]", "data_paths=[]"}).data_paths, Words{});
  EXPECT_EQ(settings({"arch={L_layers: 5, loss: {loss_type: softmax_cross_entropy}}"}).arch.L_layers, 5);
  EXPECT_EQ(settings({"arch.loss={loss_type: softmax_cross_entropy}"}).arch.loss_type, "softmax_cross_entropy");
  EXPECT_EQ(settings({"arch.loss.loss_type=softmax_cross_entropy"}).arch.loss_type, "softmax_cross_entropy");
  const auto evaluators = settings({"evaluators=[{name: arc@ARC, submission_K: 1, pass_Ks: [1, 2]}]"}).evaluators;
  ASSERT_EQ(evaluators.size(), 1u);
  EXPECT_EQ(evaluators[0].submission_K, 1);
  EXPECT_EQ(evaluators[0].pass_Ks, (std::vector<int>{1, 2}));
}

TEST_F(Overrides, AGroupReplacesTheFile) {
  const Settings s = settings({"arch.L_layers=5", "arch=wide"});
  EXPECT_EQ(s.arch.hidden_size, 256);
  EXPECT_EQ(s.arch.num_heads, 8) << "4 is what arch/trm says";
  EXPECT_EQ(s.arch.puzzle_emb_ndim, 0);
  EXPECT_EQ(s.arch.L_layers, 5) << "keys are set after files are chosen";
  EXPECT_EQ(settings({"+arch=wide"}).arch.hidden_size, 256);
  EXPECT_EQ(settings({"arch=wide.yaml"}).arch.hidden_size, 256);
  write("body", "defaults: [{arch: trm}, _self_]\narch: {L_layers: 9}\n");
  EXPECT_EQ(settings({"arch=wide"}, "body").arch.L_layers, 9) << "what the config itself says of arch stays";
}

TEST_F(Overrides, Resume) {
  EXPECT_EQ(settings().resume, "false");
  EXPECT_EQ(settings({"resume=auto"}).resume, "auto");
  EXPECT_EQ(settings({"resume=False"}).resume, "false");
  EXPECT_EQ(settings({"resume=null"}).resume, "false");
  EXPECT_EQ(settings({"resume=runs/a/step_10.h5"}).resume, "runs/a/step_10.h5");
  expect_all(error({"resume=true"}), {"resume", "'true'", "auto, a checkpoint file, or false"});
}

TEST_F(Overrides, HydrasOwnAreIgnored) {
  const LoadedSettings loaded = load({"hydra.run.dir=.", "epochs=2"});
  EXPECT_EQ(loaded.settings.epochs, 2);
  ASSERT_EQ(loaded.warnings.size(), 1u);
  expect_all(loaded.warnings[0], {"hydra.run.dir=.", "ignored"});
}

}  // namespace
}  // namespace trm::testing
