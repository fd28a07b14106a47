#include "settings/interpolate.h"

#include <cstdlib>

#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

using Interpolate = Configs;

TEST_F(Interpolate, FollowsALaterOverride) {
  EXPECT_EQ(settings({"arch.hidden_size=64"}).arch.puzzle_emb_ndim, 64);
  EXPECT_EQ(settings({"arch.puzzle_emb_ndim=3"}).arch.puzzle_emb_ndim, 3);
  EXPECT_EQ(settings({"arch=wide", "arch.puzzle_emb_ndim=${.hidden_size}", "arch.hidden_size=32"}).arch.puzzle_emb_ndim,
            32);
}

TEST_F(Interpolate, SiblingPathParentAndText) {
  EXPECT_EQ(settings({"epochs=${arch.hidden_size}"}).epochs, 128);
  EXPECT_EQ(settings({"arch.L_layers=${..epochs}"}).arch.L_layers, 7);
  EXPECT_EQ(settings({"run_name=${arch.name}-${arch.hidden_size}x"}).run_name, "trm-128x");
  EXPECT_EQ(settings({"data_paths=[a,b]", "data_paths_test=${data_paths}"}).data_paths_test,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings({"data_paths=['data/${seed}']", "seed=4"}).data_paths[0], "data/4");
  EXPECT_EQ(settings({"run_name=\\${x}"}).run_name, "${x}");
  EXPECT_EQ(settings({"weight_decay=${puzzle_emb_weight_decay}"}).weight_decay, 0.1)
      << "a key no file names has its default";
}

TEST_F(Interpolate, VariablesOfAFile) {
  write("vars", "width: 96\narch: {hidden_size: \"${width}\", num_heads: 4}\n");
  EXPECT_EQ(settings({}, "vars").arch.hidden_size, 96);
}

TEST_F(Interpolate, Environment) {
  ::setenv("TRM_TEST_NAME", "seven", 1);
  EXPECT_EQ(settings({"run_name=${oc.env:TRM_TEST_NAME}"}).run_name, "seven");
  ::unsetenv("TRM_TEST_NAME");
  EXPECT_EQ(settings({"run_name=${oc.env:TRM_TEST_NAME,none}"}).run_name, "none");
  expect_all(error({"run_name=${oc.env:TRM_TEST_NAME}"}), {"run_name", "TRM_TEST_NAME"});
}

TEST_F(Interpolate, Errors) {
  expect_all(error({"epochs=${nothing}"}), {"epochs", "${nothing}", "command line", "no such key"});
  expect_all(error({"arch.puzzle_emb_ndim=${.hiden_size}"}), {"'arch.hiden_size'", "'arch.hidden_size'"});
  expect_all(error({"epochs=${.seed}x", "seed=3"}), {"epochs", "'3x'", "an integer"});
  expect_all(error({"epochs=${seed"}), {"epochs", "not closed"});
  expect_all(error({"epochs=${}"}), {"epochs", "empty reference"});
  expect_all(error({"epochs=${....x}"}), {"epochs", "above the top"});
  expect_all(error({"run_name=${now:%Y}"}), {"run_name", "${now:%Y}"});
  expect_all(error({"run_name=a${data_paths}", "data_paths=[x]"}), {"run_name", "[x]"});
  expect_all(error({"epochs=${max_steps}", "max_steps=${epochs}"}),
             {"a reference to itself", "epochs -> max_steps -> epochs"});
  expect_all(error({"lr=${lr}"}), {"lr -> lr"});
  expect_all(error({"epochs=${lr}"}), {"epochs", "'0.0001'", "an integer"});
}

TEST_F(Interpolate, TowersOfReferencesEnd) {
  std::string text = "v0: ''\nrun_name: ${v40}\n";
  std::string below = "${v0}";
  for (int i = 1; i <= 40; ++i) {
    const std::string number = std::to_string(i);
    text.append("v").append(number).append(": ").append(below).append(below).append("\n");
    below = std::string("${v").append(number).append("}");
  }
  write("tower", text);
  expect_all(error({}, "tower"), {"do not end"});
}

}  // namespace
}  // namespace trm::testing
