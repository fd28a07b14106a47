// The real program on devices that are lost, too small or broken: opencl_shim.cpp stands between it and OpenCL.
#include <regex>

#include "tests/accelerator/require.h"
#include "tests/pretrain/run_program.h"

namespace trm::testing {
namespace {

class BadDevice : public PretrainTest {
 protected:
  void SetUp() override {
    TRM_REQUIRE_ACCELERATOR();
    make_chat();
  }
  static Arguments through_shim(const std::string& words) {
    return {std::string("LD_PRELOAD=") + TRM_TEST_SHIM, "TRM_TEST_OPENCL=" + words};
  }
  Arguments training(const std::string& folder, const Arguments& more = {}) const {
    return chat() +
           Arguments{"--device", "accelerator", "max_steps=4", "checkpoint_interval=2", "checkpoint_path=" + folder} +
           more;
  }
  std::vector<double> losses(const std::string& run) {
    std::vector<double> all;
    for (const auto& line : metrics(run))
      if (line.contains("train/lm_loss")) all.push_back(line.at("train/lm_loss"));
    return all;
  }
};

// From when the first checkpoint is there, calls fail: as after a reset, nothing works any more.
TEST_F(BadDevice, LostInTheMiddleOfTheRunTheCheckpointStays) {
  const std::map<std::string, std::string> failures{
      {"clEnqueueNDRangeKernel=-5 clReleaseMemObject=-5 clGetMemObjectInfo=-38", "clEnqueueNDRangeKernel of "},
      {"clEnqueueNDRangeKernel=-2", "CL_DEVICE_NOT_AVAILABLE (-2)"},
      {"clEnqueueMapBuffer=-36", "clEnqueueMapBuffer failed: CL_INVALID_COMMAND_QUEUE (-36)"},
      {"apart clEnqueueReadBuffer=-5", "clEnqueueReadBuffer failed: CL_OUT_OF_RESOURCES (-5)"}};
  int number = 0;
  for (const auto& [words, said] : failures) {
    const std::string folder = "run-" + std::to_string(++number);
    expect_error(training(folder), {said, "the device was lost or reset", "start again from the last checkpoint"},
                 through_shim(words) + Arguments{"TRM_TEST_OPENCL_WHEN=" + folder + "/step_2.h5"});
    EXPECT_EQ(load(folder + "/step_2.h5").step, 2) << words;
    EXPECT_FALSE(fs::exists(folder_ / folder / "step_4.h5")) << words;
  }
  const Result resumed = run(training("run-1", {"resume=auto"})), whole = run(training("whole"));
  EXPECT_EQ(resumed.status, 0) << resumed.output;
  EXPECT_EQ(whole.status, 0) << whole.output;
  expect_same_state(load("run-1/step_4.h5"), load("whole/step_4.h5"));
}

TEST_F(BadDevice, WithTooLittleMemorySaysWhatToLower) {
  const Arguments large{"arch.hidden_size=512", "arch.L_layers=4", "arch.expansion=4"};
  const Result refused = run(training("run", large), through_shim("memory=64"));
  EXPECT_EQ(refused.status, 1);
  std::smatch need;
  ASSERT_TRUE(std::regex_search(refused.output, need,
                                std::regex("needs at least ([0-9]+) MiB .* has 64 MiB; lower arch.hidden_size")))
      << refused.output;
  // Just enough: but a buffer may be a quarter of it, and the weights are one.
  expect_error(training("run", large),
               {"out of memory on accelerator", "asked for", "free", "of " + need[1].str() + " MiB", "gives at most",
                "at once", "global_batch_size", "gradient_accumulation_steps", "arch.hidden_size"},
               through_shim("memory=" + need[1].str()));
  expect_error(training("run", large),
               {"out of memory on accelerator", "asked for", "free", "of 240 MiB", "global_batch_size"},
               through_shim("memory=240"));
  const Result fits = run(training("run"), through_shim("memory=60"));  // buffers of 15 MiB, no more
  EXPECT_EQ(fits.status, 0) << fits.output;
}

TEST_F(BadDevice, AProgramThatDoesNotCompileShowsTheLog) {
  expect_error(training("run"),
               {".cl does not build on", "-cl-std=CL1.2", "CL_BUILD_PROGRAM_FAILURE", "this driver does not like it"},
               through_shim("broken=kernel") + Arguments{"XDG_CACHE_HOME=" + (folder_ / "cache").string()});
}

TEST_F(BadDevice, WithoutADriverOrADeviceTheReasonIsNamed) {
  expect_error(
      training("run"),
      {"device accelerator (--device) cannot be used: no OpenCL driver (ICD) is installed here", "There is: cpu"},
      {"OCL_ICD_VENDORS=" + (folder_ / "no drivers").string()});
  const Result listed = run({"--list-devices"}, {"OCL_ICD_VENDORS=" + (folder_ / "no drivers").string()});
  EXPECT_EQ(listed.status, 0);
  EXPECT_TRUE(listed.says("accelerator  none: no OpenCL driver (ICD)")) << listed.output;
}

// What a Mac's GPU offers: OpenCL 1.2, 32 KiB of local memory, groups of 256; the shim refuses launches that want more.
TEST_F(BadDevice, ASmallGpuIsChosenByItselfAndTrainsAlike) {
  const Result plain = run(training("plain", {"log_interval=1"}));
  ASSERT_EQ(plain.status, 0) << plain.output;
  const Arguments arguments = chat() + Arguments{"max_steps=4", "log_interval=1"};
  for (const std::string words : {"gpu small", "gpu small apart kernels=64"}) {
    const Result small = run(arguments + Arguments{"checkpoint_path=" + words},
                             through_shim(words) + Arguments{"TRM_DEVICE", "TRM_CLBLAST=0"});
    ASSERT_EQ(small.status, 0) << small.output;
    EXPECT_TRUE(small.output.starts_with("Using device: accelerator\n")) << small.output;
    const auto expected = losses("plain"), got = losses(words);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-4);
  }
}

TEST_F(BadDevice, TwoProgramsAtOnceReplaceADamagedCache) {
  const Result whole = run(training("whole"));
  ASSERT_EQ(whole.status, 0) << whole.output;
  const fs::path shared = std::getenv("XDG_CACHE_HOME"), cache = folder_ / "cache";
  fs::create_directories(cache);
  fs::copy(shared / "trm", cache / "trm", fs::copy_options::recursive);
  constexpr uintmax_t left = 100;
  for (const auto& file : fs::directory_iterator(cache / "trm" / "opencl")) fs::resize_file(file, left);
  const Arguments environment{"XDG_CACHE_HOME=" + cache.string(), "POCL_CACHE_DIR=" + (shared / "pocl").string()};
  Child first(bin_dir() / "pretrain", training("first"), folder_.path(), environment),
      second(bin_dir() / "pretrain", training("second"), folder_.path(), environment);
  for (Child* child : {&first, &second}) {
    const Result result = child->wait();
    EXPECT_EQ(result.status, 0) << result.output;
  }
  for (const std::string folder : {"first", "second"})
    expect_same_state(load(folder + "/step_4.h5"), load("whole/step_4.h5"));
  int replaced = 0;
  for (const auto& file : fs::directory_iterator(cache / "trm" / "opencl")) {
    EXPECT_EQ(file.path().extension(), ".bin") << file.path() << " was left behind";
    replaced += file.file_size() > left;
  }
  EXPECT_GT(replaced, 5);
}

}  // namespace
}  // namespace trm::testing
