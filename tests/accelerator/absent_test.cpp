// Run with an environment that hides drivers (TRM_TEST_ABSENT=driver) or devices (=device).
#include <gtest/gtest.h>

#include <cstdlib>

#include "device/ops.h"
#include "device/selection.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

class AbsentAccelerator : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* set = std::getenv("TRM_TEST_ABSENT");
    if (!set) GTEST_SKIP() << "TRM_TEST_ABSENT is not set";
    driver_ = std::string(set) == "driver";
    std::string why_not;
    if (!platform_of(DeviceKind::accelerator).devices(why_not).empty())
      GTEST_SKIP() << "this machine's OpenCL cannot be hidden by the environment";
    if (why_not.find(expected()) == std::string::npos)
      GTEST_SKIP() << "no driver here that could be without devices: " << why_not;
  }
  std::string expected() const { return driver_ ? "no OpenCL driver" : "has no device here"; }
  bool driver_ = false;
};

TEST_F(AbsentAccelerator, AskedForItIsAnErrorThatSaysWhy) {
  for (const std::string name : {"accelerator", "mps", "opencl"}) {
    const std::string message = message_of([&] { select_device(name); });
    for (const std::string& part : {std::string("device accelerator"), expected(), std::string("There is: ")})
      EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_NE(message_of([] { Backend::of({DeviceKind::accelerator, 0}); }).find(expected()), std::string::npos);
}

TEST_F(AbsentAccelerator, EverythingElseWorks) {
  EXPECT_NE(select_device(std::nullopt).device.kind, DeviceKind::accelerator);
  EXPECT_NE(describe_devices().find("accelerator  none: "), std::string::npos) << describe_devices();
  EXPECT_EQ(ops::add(Tensor::from(std::vector<float>{1}, {1}), Tensor::from(std::vector<float>{2}, {1})).item<float>(),
            3);
}

}  // namespace
}  // namespace trm::testing
