#include "settings/compose.h"

#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

using Compose = Configs;

TEST_F(Compose, AFileGoesAtItsGroupsKey) {
  const Settings s = settings();
  EXPECT_EQ(s.epochs, 7);
  EXPECT_EQ(s.arch.hidden_size, 128);
  EXPECT_EQ(s.arch.puzzle_emb_ndim, 128);
}

TEST_F(Compose, ALaterEntryWins) {
  write("self_last", "defaults: [{arch: trm}, _self_]\narch: {hidden_size: 64}\n");
  write("self_first", "defaults: [_self_, {arch: trm}]\narch: {hidden_size: 64}\n");
  write("no_self", "defaults: [{arch: trm}]\narch: {hidden_size: 64}\n");
  EXPECT_EQ(settings({}, "self_last").arch.hidden_size, 64);
  EXPECT_EQ(settings({}, "self_first").arch.hidden_size, 128);
  EXPECT_EQ(settings({}, "no_self").arch.hidden_size, 64);
}

TEST_F(Compose, AConfigIsMadeOfOthers) {
  write("base", "defaults: [cfg_pretrain, {arch: wide}, _self_]\nlr: 1e-3\n");
  const Settings s = settings({}, "base");
  EXPECT_EQ(s.epochs, 7);
  EXPECT_EQ(s.lr, 1e-3);
  EXPECT_EQ(s.arch.hidden_size, 256);
  EXPECT_EQ(s.arch.num_heads, 4) << "the later file is merged over the earlier one";
}

TEST_F(Compose, OverrideInAListReplacesTheChoice) {
  write("base", "defaults: [cfg_pretrain, {override arch: wide}, _self_]\n");
  const Settings s = settings({}, "base");
  EXPECT_EQ(s.arch.hidden_size, 256);
  EXPECT_EQ(s.arch.num_heads, 8) << "arch/trm, which says 4, is not read at all";
  write("nothing", "defaults: [{override arch: wide}]\n");
  expect_all(error({}, "nothing"), {"override arch", "nothing to override"});
}

TEST_F(Compose, ListsOptionalNullAndPackages) {
  write("arch/deep", "L_layers: 6\n");
  write("several",
        "defaults:\n  - arch: [trm, deep]\n  - optional arch: not_there\n  - arch: null\n  - extra@_global_: speed\n");
  write("extra/speed", "lr: 0.5\n");
  const Settings s = settings({}, "several");
  EXPECT_EQ(s.arch.hidden_size, 128);
  EXPECT_EQ(s.arch.L_layers, 6);
  EXPECT_EQ(s.lr, 0.5);
}

TEST_F(Compose, AFileInAGroupHasDefaultsOfItsGroup) {
  write("arch/child", "defaults: [trm, _self_]\nL_layers: 3\n");
  const Settings s = settings({"arch=child"});
  EXPECT_EQ(s.arch.hidden_size, 128);
  EXPECT_EQ(s.arch.L_layers, 3);
}

TEST_F(Compose, APackageLineSaysWhereTheFileGoes) {
  write("experiment/quick", "# @package _global_\nepochs: 1\narch: {L_layers: 1}\n");
  const Settings s = settings({"+experiment=quick"});
  EXPECT_EQ(s.epochs, 1);
  EXPECT_EQ(s.arch.L_layers, 1);
}

TEST_F(Compose, CyclesAreNamed) {
  write("a", "defaults: [b]\n");
  write("b", "defaults: [a]\n");
  expect_all(error({}, "a"), {"include each other", "a -> b -> a"});
}

TEST_F(Compose, FoldersAreSearchedInOrder) {
  const auto other = root / "other", installed = root / "installed";
  write("other/cfg_pretrain", "epochs: 1\n");
  write("installed/only_installed", "epochs: 3\n");
  LoadRequest request;
  request.local_folder = root;
  request.installed_folder = installed;
  EXPECT_EQ(load_settings(request).settings.epochs, 7);
  request.config_path = other;
  EXPECT_EQ(load_settings(request).settings.epochs, 1);
  request.config_name = "only_installed.yaml";
  EXPECT_EQ(load_settings(request).settings.epochs, 3);
  request.config_name = "cfg_pretrian";
  expect_all(message_of([&] { load_settings(request); }),
             {"cfg_pretrian", other.string(), root.string(), installed.string(), "the nearest is 'cfg_pretrain'"});
  request.config_path = root / "nowhere";
  expect_all(message_of([&] { load_settings(request); }), {"--config-path", "nowhere"});
}

TEST_F(Compose, AConfigIsFoundByItsPath) {
  write("runs/x/all_config", "epochs: 9\narch: {hidden_size: 64, num_heads: 2}\n");
  const std::string path = (root / "runs/x/all_config.yaml").string();
  EXPECT_EQ(settings({}, path).epochs, 9);
  EXPECT_EQ(settings({"arch=wide"}, path).arch.hidden_size, 256)
      << "a group that no file names replaces what is inline";
  EXPECT_EQ(settings({"arch=wide"}, path).arch.num_heads, 8);
}

TEST_F(Compose, UnknownKeysOfAFileAreWarnedOfOnce) {
  write("odd",
        "defaults: [{arch: trm}, _self_]\nepoch: 3\nwandb: true\narch: {dropout: 0.1}\nhydra: {output_subdir: null}\n");
  const LoadedSettings loaded = load({}, "odd");
  ASSERT_EQ(loaded.warnings.size(), 3u);
  expect_all(loaded.warnings[0], {"odd.yaml", "'arch.dropout'"});
  expect_all(loaded.warnings[1], {"odd.yaml:2", "'epoch'", "'epochs'"});
  EXPECT_EQ(loaded.warnings[2].find("nearest"), std::string::npos) << loaded.warnings[2];
}

}  // namespace
}  // namespace trm::testing
