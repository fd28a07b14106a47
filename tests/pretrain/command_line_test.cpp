#include "settings/stored.h"
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class CommandLine : public PretrainTest {};

TEST_F(CommandLine, HelpHasExamplesAndEveryOption) {
  for (const char* flag : {"--help", "-h"}) {
    const Result result = run({flag});
    EXPECT_EQ(result.status, 0);
    for (const char* part :
         {"Examples:", "--config-name", "--config-path", "--device", "--print-config", "--check-setup",
          "--list-devices", "--op-report", "--log-level", "--help-config", "resume=auto", "data_paths=["})
      EXPECT_TRUE(result.says(part)) << part;
  }
  const Result keys = run({"--help-config"});
  EXPECT_EQ(keys.status, 0);
  for (const char* key : {"arch.hidden_size", "gradient_accumulation_steps", "keep_last_n_checkpoints"})
    EXPECT_TRUE(keys.says(key)) << key;
}

TEST_F(CommandLine, WrongOptionsAreNamed) {
  expect_error({"--cofig-name", "cfg_chat"}, {"unknown option --cofig-name (did you mean --config-name?)", "pretrain --help"});
  expect_error({"--frobnicate"}, {"--frobnicate", "--help"});
  expect_error({"--lr=3"}, {"--lr=3", "lr=…"});
  expect_error({"--device"}, {"device"});
  expect_error({"--log-level", "loud"}, {"--log-level", "info, warning or error", "loud"});
  expect_error({"--op-report=xml:f"}, {"--op-report=xml:f", "json:FILE"});
  expect_error(chat() + Arguments{"hiden_size=3"}, {"hiden_size", "hidden_size"});
  expect_error(chat() + Arguments{"epochs=many"}, {"epochs", "many"});
  expect_error({"-cn", "cfg_chatt", "--config-path", (source_dir() / "config").string()}, {"cfg_chatt", "cfg_chat"});
}

TEST_F(CommandLine, PrintsTheComposedConfiguration) {
  const Arguments config = {"--config-path", (source_dir() / "config").string(), "--print-config"};
  for (const Arguments& name : {Arguments{"-cn", "cfg_chat"}, Arguments{"-cn=cfg_chat"},
                                Arguments{"--config-name", "cfg_chat"}, Arguments{"--config-name=cfg_chat"}}) {
    const Result result =
        run(config + name + Arguments{"data_paths=[a, b]", "+run_name=x", "lr=0.5", "~lr", "arch.rope_theta=500"});
    EXPECT_EQ(result.status, 0) << result.output;
    const StoredSettings read = settings_from_yaml(result.output, "output");
    EXPECT_EQ(read.settings.data_paths, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(read.settings.run_name, "x");
    EXPECT_EQ(read.settings.dataset_type, "chat");
    EXPECT_EQ(read.settings.arch.hidden_size, 384);
    EXPECT_EQ(read.settings.arch.rope_theta, 500);
    EXPECT_EQ(read.settings.lr, Settings{}.lr);
  }
  expect_error(config + Arguments{"arch=nothing"}, {"nothing"});
}

TEST_F(CommandLine, DevicesAreChosenListedAndNeverReplaced) {
  const Result list = run({"--list-devices"});
  EXPECT_EQ(list.status, 0);
  EXPECT_TRUE(list.says("cpu  ")) << list.output;
  make_chat();
  expect_error(chat() + Arguments{"--device", "toaster"}, {"toaster", "cuda", "accelerator", "cpu"});
  expect_error(chat() + Arguments{"--device", "cuda:77"}, {"cuda:77", "There is: "});
  expect_error(chat(), {"cuda:77", "TRM_DEVICE"}, {"TRM_DEVICE=cuda:77"});
  const Result flag = run(chat() + Arguments{"--device", "cpu", "max_steps=1"}, {"TRM_DEVICE=cuda:77"});
  EXPECT_EQ(flag.status, 0) << flag.output;
  EXPECT_TRUE(flag.output.starts_with("Using device: cpu\n")) << flag.output;
}

TEST_F(CommandLine, ChecksTheSetUp) {
  const Result result = run({"--check-setup"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.output.starts_with("Using device: cpu\n")) << result.output;
  for (const char* part : {"ok      forward and backward", "ok      optimizer", "ok      loader", "ok      checkpoint",
                           "All checks passed"})
    EXPECT_TRUE(result.says(part)) << result.output;
  const Result failing = run({"--check-setup"}, {"TMPDIR=/proc/nothing"});
  EXPECT_EQ(failing.status, 1) << failing.output;
  EXPECT_TRUE(failing.says("FAILED  temporary folder")) << failing.output;
  EXPECT_TRUE(failing.says("not to be trusted")) << failing.output;
}

TEST_F(CommandLine, ReportsOps) {
  const Result table = run({"--op-report", "--config-path", (source_dir() / "config").string()});
  EXPECT_EQ(table.status, 0) << table.output;
  EXPECT_TRUE(table.says("native")) << table.output;
  make_chat();
  const Result trained = run(chat() + Arguments{"max_steps=1", "--op-report=json:ops.json"});
  EXPECT_EQ(trained.status, 0) << trained.output;
  const auto report = nlohmann::json::parse(read_file(folder_ / "ops.json"));
  uint64_t calls = 0;
  for (const auto& row : report.at("ops")) {
    if (row.at("device") == "cpu") calls += row.at("calls").get<uint64_t>();
    if (row.at("op") == "linear" && row.at("device") == "cpu") {
      EXPECT_EQ(row.at("support"), "native");
      EXPECT_EQ(row.at("dtypes"), (nlohmann::json{"float32", "bfloat16"}));
      EXPECT_GT(row.at("milliseconds"), 0);
    }
    EXPECT_FALSE(row.at("op") == "adamw" && row.at("dtypes").size() > 1);
    EXPECT_FALSE(row.at("op") == "token_mixer_forward" && row.at("device") == "cpu" && row.at("support") != "composed");
  }
  EXPECT_GT(calls, 10u);
  expect_error({"--op-report=json:no/such/folder/ops.json", "--config-path", (source_dir() / "config").string()}, {"no/such/folder"});
}

TEST_F(CommandLine, TakesFallback) {
  const Arguments report{"--op-report", "--config-path", (source_dir() / "config").string()};
  for (const char* good : {"on", "off", "only:sign_sgd,rope"}) EXPECT_EQ(run(report + Arguments{"--fallback", good}).status, 0) << good;
  expect_error(report + Arguments{"--fallback=only:linaer"}, {"--fallback only:linaer", "no op 'linaer'", "did you mean linear?"});
  for (const char* bad : {"yes", "only:", "only", "only:,"}) expect_error(report + Arguments{"--fallback", bad}, {"--fallback " + std::string(bad), "only:OP,OP"});
  expect_error({"--fallback"}, {"fallback"});
  expect_error(report, {"TRM_FALLBACK=perhaps", "1", "0"}, {"TRM_FALLBACK=perhaps"});
  expect_error(report, {"TRM_OPS_DISABLE", "linaer"}, {"TRM_OPS_DISABLE=linaer"});
}

}  // namespace
}  // namespace trm
