// NVIDIA drivers that are too old, broken or see no GPU: each is named, and training goes on elsewhere only where no
// device was asked for. The driver is a stand-in (fake_driver.cpp).
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class CudaDriver : public PretrainTest {
 protected:
  void SetUp() override {
    if (!std::getenv("TRM_FAKE_DRIVER")) GTEST_SKIP() << "this build has no CUDA";
  }
  /// `init`: what cuInit returns.
  static Arguments driver(int cuda, int init) {
    return {"LD_LIBRARY_PATH=" + std::string(std::getenv("TRM_FAKE_DRIVER")),
            "FAKE_DRIVER_CUDA=" + std::to_string(cuda),
            "FAKE_DRIVER_INIT=" + std::to_string(init),
            "OCL_ICD_VENDORS=/nowhere",
            "CUDA_VISIBLE_DEVICES",
            "TRM_DEVICE"};
  }
  /// With --device cuda: an error. In the list: a line. By itself: the cpu, with a warning where something is wrong.
  void expect_named(const std::string& why, const Arguments& environment, bool wrong = true) {
    expect_error({"--check-setup", "--device", "cuda"},
                 {"error: device cuda (--device) cannot be used: " + why, "There is: cpu"}, environment);
    const Result listed = run({"--list-devices"}, environment);
    EXPECT_EQ(listed.status, 0) << listed.output;
    EXPECT_TRUE(listed.says("cuda  none: " + why)) << listed.output;
    const Result detected = run({"--check-setup"}, environment);
    EXPECT_EQ(detected.status, 0) << detected.output;
    EXPECT_TRUE(detected.says("Using device: cpu")) << detected.output;
    EXPECT_EQ(detected.says("cuda is not used: " + why), wrong) << detected.output;
  }
};

constexpr int no_device = 100, not_ready = 802, mismatch = 803, far_future = 99000;

TEST_F(CudaDriver, TooOld) {
  const std::string advice = ": update the driver, or use --device cpu";
  for (const auto& [cuda, text] : {std::pair(11000, "11.0"), std::pair(9020, "9.2")}) {
    expect_named("the installed NVIDIA driver supports CUDA " + std::string(text) + ", this build needs CUDA ",
                 driver(cuda, 0));
    EXPECT_TRUE(run({"--list-devices"}, driver(cuda, 0)).says(advice));
  }
}

TEST_F(CudaDriver, ThatLacksWhatTheRuntimeCalls) {
  expect_named("the installed NVIDIA driver supports CUDA ", driver(far_future, 0));
}

TEST_F(CudaDriver, WithoutAGpu) {
  expect_named("no NVIDIA GPU was found", driver(far_future, no_device), false);
  Arguments hidden = driver(far_future, no_device);
  hidden[4] = "CUDA_VISIBLE_DEVICES=";
  expect_named("no NVIDIA GPU is visible: CUDA_VISIBLE_DEVICES is \"\"", hidden, false);
}

TEST_F(CudaDriver, ThatDoesNotFitItsKernelModule) {
  expect_named("the NVIDIA driver's library (CUDA 99.0) and its kernel module are of different versions",
               driver(far_future, mismatch));
}

TEST_F(CudaDriver, ThatDoesNotAnswer) {
  expect_named("the NVIDIA driver does not answer: ", driver(far_future, not_ready));
  EXPECT_TRUE(run({"--list-devices"}, driver(far_future, not_ready)).says("look at nvidia-smi"));
}

}  // namespace
}  // namespace trm
