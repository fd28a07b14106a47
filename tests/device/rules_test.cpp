#include "device/rules.h"

#include <memory>
#include <thread>

#include "device/backend.h"
#include "tests/device/environment.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

constexpr Device cuda{DeviceKind::cuda, 0}, accelerator{DeviceKind::accelerator, 0};

// A device that captures, warns and pins: tests/device/fake_accelerator, on any machine. Here: those that this build
// has.
bool built_in(Device device) { return platform_of(device.kind).built_in(); }

TEST(CompileRule, OnByDefaultOnCudaOnly) {
  const WithEnvironment unset("DISABLE_COMPILE", std::nullopt);
  EXPECT_EQ(compile_rule(cuda).on, built_in(cuda));
  EXPECT_FALSE(compile_rule(accelerator).on);
  EXPECT_FALSE(compile_rule(cpu_device).on);
  for (const Device device : {cuda, accelerator, cpu_device}) EXPECT_FALSE(compile_rule(device).reason.empty());
}

TEST(LoaderRule, FollowsTheDevice) {
  const int cores = std::max(1u, std::thread::hardware_concurrency());
  if (built_in(accelerator)) {
    EXPECT_EQ(loader_rule(accelerator, std::nullopt, std::nullopt).workers, 0);
  }
  EXPECT_EQ(loader_rule(cuda, std::nullopt, std::nullopt).workers, std::min(4, cores));
  EXPECT_EQ(loader_rule(cpu_device, 1, std::nullopt).workers, 1);
  EXPECT_EQ(loader_rule(cpu_device, 100000, std::nullopt).workers, cores) << "no more than the machine has";
  EXPECT_EQ(loader_rule(cuda, std::nullopt, std::nullopt).pinned, built_in(cuda));
  EXPECT_FALSE(loader_rule(cuda, std::nullopt, false).pinned);
  EXPECT_FALSE(loader_rule(cpu_device, std::nullopt, true).pinned);
}

TEST(LoaderRule, WarnsOfWhatHasNoEffect) {
  if (!built_in(accelerator)) GTEST_SKIP() << "this build has no accelerator backend";
  const auto pinned = loader_rule(accelerator, 0, true);
  EXPECT_FALSE(pinned.pinned);
  ASSERT_EQ(pinned.warnings.size(), 1u);
  EXPECT_NE(pinned.warnings[0].find("pin_memory=True"), std::string::npos);
  const auto busy = loader_rule(accelerator, 3, std::nullopt);
  EXPECT_EQ(busy.workers, 3);
  ASSERT_EQ(busy.warnings.size(), 1u);
  EXPECT_NE(busy.warnings[0].find("num_workers=3"), std::string::npos);
  EXPECT_TRUE(loader_rule(accelerator, 2, false).warnings.empty());
  if (built_in(cuda)) {
    EXPECT_TRUE(loader_rule(cuda, 2, true).warnings.empty());
  }
}

TEST(PrecisionRule, Bfloat16WhereTheDeviceHasIt) {
  EXPECT_EQ(precision_rule(cpu_device, DType::float32).dtype, DType::float32);
  EXPECT_FALSE(precision_rule(cpu_device, DType::float32).note);
  const auto rule = precision_rule(cpu_device, DType::bfloat16);
  const bool native = Backend::of(cpu_device).supports(DType::bfloat16);
  EXPECT_EQ(rule.dtype, native ? DType::bfloat16 : DType::float32);
  EXPECT_EQ(rule.note.has_value(), !native);
}

}  // namespace
}  // namespace trm::testing
