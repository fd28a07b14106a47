// What the programs do alike, and differently, on the devices of this machine. Accelerators that are CPUs count where TRM_TEST_ACCELERATOR is set.
#include "device/backend.h"
#include "device/selection.h"
#include "runtime/checkpoint_state.h"
#include "tests/model/first_logits.h"
#include "tests/ops/harness.h"
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class Devices : public PretrainTest {
 protected:
  static Arguments on(const std::string& device) { return {"--device", device}; }
  static std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const Device device : devices_under_test()) all.push_back(name_of(device.kind));
    return all;
  }
  static size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
    return found;
  }
};

TEST_F(Devices, ACheckpointOfOneGivesEqualLogitsOnTheOthers) {
  if (names().size() < 2) GTEST_SKIP() << "there is only the cpu";
  make_chat();
  make_puzzles();
  const std::map<std::string, Arguments> models{{"chat", chat()}, {"puzzles", puzzles() + Arguments{"arch.forward_dtype=float32", "ema=False"}}};
  for (const auto& [model, arguments] : models)
    for (const std::string& trained_on : names()) {
      const std::string folder = model + "-" + trained_on;
      const Result trained = run(arguments + on(trained_on) + Arguments{"max_steps=6", "checkpoint_path=" + folder});
      ASSERT_EQ(trained.status, 0) << trained.output;
      std::vector<double> there;
      for (const std::string& device : names()) {
        LoadOptions options;
        options.dtype = DType::float32;
        const LoadedModel loaded = load_model(folder_ / folder / "step_6.h5", parse_device(device), options);
        const ModelConfig& config = loaded.model->config();
        const auto logits = first_logits(*loaded.model, random_integers(config.seq_len, 1, config.vocab_size, 7));
        if (there.empty()) there = widen(logits);  // of the cpu, the first
        EXPECT_LT(relative_error(logits, there), 1e-4) << model << " trained on " << trained_on << ", loaded on " << device;
      }
    }
}

// cfg_chat in its own size, and a puzzle model like Sudoku's, in float32.
TEST_F(Devices, LearnAlike) {
  if (names().size() < 2) GTEST_SKIP() << "there is only the cpu";
  make_chat(96);
  make_puzzles();
  const Arguments full{"--config-path", (source_dir() / "config").string(), "-cn", "cfg_chat", "data_paths=[chat]", "gradient_accumulation_steps=1",
                       "lr_warmup_steps=4", "eval_interval=100", "epochs=100", "arch.forward_dtype=float32"};
  const std::map<std::string, Arguments> models{{"chat", full}, {"puzzles", puzzles() + Arguments{"arch.forward_dtype=float32"}}};
  for (const auto& [model, arguments] : models) {
    std::vector<double> expected;
    for (const std::string& device : names()) {
      const std::string folder = model + "-" + device;
      const Result result = run(arguments + on(device) + Arguments{"max_steps=20", "log_interval=1", "checkpoint_path=" + folder});
      ASSERT_EQ(result.status, 0) << result.output;
      std::vector<double> losses;
      for (const auto& line : metrics(folder))
        if (line.contains("train/lm_loss")) losses.push_back(line.at("train/lm_loss"));
      ASSERT_EQ(losses.size(), 20u) << result.output;
      if (expected.empty()) expected = losses;
      EXPECT_LT(losses.back(), losses.front()) << model << " on " << device;
      for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-3) << model << " on " << device << ", step " << i + 1;
    }
  }
}

TEST_F(Devices, AWorkGroupThatIsTooSmallIsNamed) {
  std::string why_not;
  const auto there = platform_of(DeviceKind::accelerator).devices(why_not);
  if (there.empty() || there[0].driver.find("PoCL") == std::string::npos) GTEST_SKIP() << "only PoCL's can be made smaller";
  make_chat();
  expect_error(chat() + on("accelerator"), {"product needs work-groups of 16 items", there[0].name, "allows it 4"},
               {"POCL_MAX_WORK_GROUP_SIZE=4", "TRM_ACCELERATOR_KERNELS=tiles", "TRM_CLBLAST=0"});
}

class AcceleratorProgram : public Devices {
 protected:
  void SetUp() override {
    const auto all = names();
    if (std::find(all.begin(), all.end(), "accelerator") == all.end()) GTEST_SKIP() << "no accelerator here";
  }
  Arguments short_run() const { return puzzles() + on("accelerator") + Arguments{"max_steps=3"}; }
};

TEST_F(AcceleratorProgram, TrainsByItsRules) {
  make_puzzles();
  const Result result = run(short_run() + Arguments{"pin_memory=True", "num_workers=4", "--op-report=json:ops.json"}, {"TRM_OPS_DISABLE=sign_sgd"});
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.output.starts_with("Using device: accelerator\n")) << result.output;
  for (const char* once : {"pin_memory=True has no effect on the accelerator and is ignored.", "Compile: off (never on the accelerator)",
                           "num_workers=4 may slow or stall loading on the accelerator; 0 to 2 recommended.",
                           "bfloat16 was asked for, but the accelerator computes in float32", "warning: sign_sgd has no native kernel on accelerator (disabled by TRM_OPS_DISABLE)"})
    EXPECT_EQ(count(result.output, once), 1u) << once << " in: " << result.output;
  EXPECT_EQ(count(result.output, "has no native kernel"), 1u) << result.output;

  const auto report = nlohmann::json::parse(read_file(folder_ / "ops.json"));
  for (const auto& row : report.at("ops")) {
    if (row.at("device") != "accelerator") continue;
    const std::string op = row.at("op");
    EXPECT_EQ(row.at("fallback_calls"), op == "sign_sgd" ? 3 : 0) << op;
    if (op == "sign_sgd") {
      EXPECT_EQ(row.at("support"), "fallback");
      EXPECT_EQ(row.at("calls"), 3);
    }
    if (op == "token_mixer") {
      EXPECT_EQ(row.at("support"), "composed");
    }
    if (op == "pack_weight") {
      EXPECT_EQ(row.at("support"), "unneeded");
    }
    if (op == "linear") {
      EXPECT_EQ(row.at("dtypes"), nlohmann::json{"float32"});
      EXPECT_GT(row.at("calls"), 10);
      EXPECT_GT(row.at("milliseconds"), 0);
    }
  }
}

TEST_F(AcceleratorProgram, FallsBackAsAskedFor) {
  make_puzzles();
  const std::string disable = "TRM_OPS_DISABLE=sign_sgd";
  expect_error(short_run(), {"sign_sgd", "accelerator", "falling back"}, {disable, "TRM_FALLBACK=0"});
  expect_error(short_run() + Arguments{"--fallback", "off", "checkpoint_path=off"}, {"sign_sgd", "accelerator", "falling back"}, {disable});
  expect_error(short_run() + Arguments{"--fallback=only:linear", "checkpoint_path=only"}, {"sign_sgd", "falling back to the cpu is off for it"}, {disable});
  for (const char* allowed : {"on", "only:sign_sgd", "only:linear,sign_sgd"}) {
    const Result result = run(short_run() + Arguments{"--fallback", allowed, "checkpoint_path=" + std::string(allowed)}, {disable, "TRM_FALLBACK=0"});
    EXPECT_EQ(result.status, 0) << allowed << ": " << result.output;
  }
  const Result native = run(short_run() + Arguments{"--fallback", "off", "checkpoint_path=native"});
  EXPECT_EQ(native.status, 0) << "nothing needs to fall back: " << native.output;
}

TEST_F(AcceleratorProgram, IsChosenByItsNamesAndTheEnvironment) {
  const Arguments report{"--op-report", "--config-path", (source_dir() / "config").string()};
  for (const char* name : {"accelerator", "mps", "opencl"}) EXPECT_TRUE(run(report + on(name)).output.starts_with("Using device: accelerator\n")) << name;
  EXPECT_TRUE(run(report, {"TRM_DEVICE=mps"}).output.starts_with("Using device: accelerator\n"));
  expect_error(report + on("accelerator"), {"TRM_ACCELERATOR=nobody:0", "<platform>:<device>", "0:0"}, {"TRM_ACCELERATOR=nobody:0"});
  for (const char* rank : {"LOCAL_RANK=0", "LOCAL_RANK=1", "OMPI_COMM_WORLD_LOCAL_RANK=0", "PMI_RANK=0", "RANK=0"})
    expect_error(report + on("accelerator"),
                 {"Distributed training is not supported on the accelerator. Run a single process, or use CUDA for several GPUs."}, {rank});
}

}  // namespace
}  // namespace trm
