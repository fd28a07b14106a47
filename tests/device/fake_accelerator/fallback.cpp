// Runs beside a copy of the device library whose accelerator module is module.cpp.
#include <gtest/gtest.h>

#include <cmath>

#include "device/kernels.h"
#include "device/ops.h"
#include "device/rules.h"
#include "device/selection.h"
#include "tests/device/environment.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

constexpr Device fake{DeviceKind::accelerator, 0};

class Fallback : public ::testing::Test {
 protected:
  void SetUp() override { Backend::of(fake); }
  void TearDown() override { dispatch_settings() = before_; }
  DispatchSettings before_ = dispatch_settings();
  static Tensor there(const std::vector<float>& values) {
    return Tensor::from(values, {static_cast<int64_t>(values.size())}, fake);
  }
};

using Values = std::vector<float>;

TEST_F(Fallback, TheModuleBesideTheLibraryIsOpened) {
  const WithEnvironment none("TRM_DEVICE", std::nullopt);
  EXPECT_EQ(select_device("mps").device, fake);
  bool listed = false;
  for (const DeviceInfo& info : list_devices()) listed |= info.device == fake && info.name == "pretender";
  EXPECT_TRUE(listed);
  EXPECT_NE(describe_devices().find("pretender"), std::string::npos);
  const std::string message = message_of([] { select_device("accelerator:1"); });
  EXPECT_NE(message.find("there is 1 device"), std::string::npos) << message;
}

TEST_F(Fallback, NativeKernelsRunWhereTheTensorsAre) {
  const uint64_t before = fallback_calls();
  const Tensor sum = ops::add(there({1, 2}), there({3, 4}));
  EXPECT_EQ(sum.device(), fake);
  EXPECT_EQ(sum.to_vector<float>(), (Values{104, 106}));
  EXPECT_EQ(fallback_calls(), before);
}

TEST_F(Fallback, AnOpWithoutKernelRunsOnTheCpu) {
  const uint64_t before = fallback_calls();
  ::testing::internal::CaptureStderr();
  const Tensor a = there({1, 2}), sum = ops::add(a, a, a);
  EXPECT_EQ(sum.device(), fake);
  EXPECT_EQ(sum.to_vector<float>(), (Values{3, 6}));
  EXPECT_EQ(ops::add(a, a, a).to_vector<float>(), (Values{3, 6}));
  EXPECT_EQ(fallback_calls(), before + 2);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("add3 has no native kernel on accelerator"), std::string::npos) << said;
  EXPECT_EQ(said.find("add3"), said.rfind("add3")) << "said once: " << said;
}

TEST_F(Fallback, AnOpWhoseConditionFailsRunsOnTheCpu) {
  const Tensor a = Tensor::from(std::vector<bfloat16>{bfloat16(1), bfloat16(2)}, {2}, fake);
  EXPECT_STREQ(kernels::add.why_not(fake.kind, a, a, const_cast<Tensor&>(a)), "float32 only");
  EXPECT_EQ(kernels::add.condition(fake.kind), "float32 only");
  EXPECT_EQ(ops::add(a, a).to_vector<float>(), (Values{2, 4}));
}

TEST_F(Fallback, OptionalAndWrittenTensorsAreCarriedBack) {
  const std::vector<float> qkv(2 * 3 * 12, 0.5f);
  Tensor lse;
  const Tensor out = ops::attention(Tensor::from(qkv, {2, 3, 12}, fake), 2, false, &lse);
  EXPECT_EQ(out.to_vector<float>(), Values(2 * 3 * 4, 0.5f));
  EXPECT_EQ(lse.device(), fake);
  const float score = 2 * 0.25f / std::sqrt(2.0f);
  EXPECT_NEAR(lse.to_vector<float>()[0], score + std::log(3.0f), 1e-5);
  Tensor steps = Tensor::from(std::vector<int32_t>{1}, {1}, fake),
         halted = Tensor::from(std::vector<uint8_t>{0}, {1}, fake);
  Tensor counters = Tensor::from(std::vector<int64_t>{0, 0, 0, 5}, {Counter::count}, fake);
  ops::act_halt(Tensor::from(Values{1, 0}, {1, 2}, fake), {.halt_max_steps = 4, .training = true}, counters, steps,
                halted);
  EXPECT_EQ(steps.item<int32_t>(), 2);
  EXPECT_EQ(halted.item<uint8_t>(), 1);
  EXPECT_EQ(counters.to_vector<int64_t>()[Counter::random_step], 6);
}

TEST_F(Fallback, ADisabledOpIsNotNative) {
  dispatch_settings().disabled = {"add"};
  EXPECT_FALSE(kernels::add.native(fake.kind));
  EXPECT_EQ(ops::add(there({1}), there({2})).to_vector<float>(), (Values{3}));
  dispatch_settings().disabled.clear();
  EXPECT_EQ(ops::add(there({1}), there({2})).to_vector<float>(), (Values{103}));
}

TEST_F(Fallback, WithoutFallbackAMissingKernelIsAnError) {
  dispatch_settings().fallback = false;
  const Tensor a = there({1});
  const std::string message = message_of([&] { ops::add(a, a, a); });
  for (const std::string part : {"add3", "accelerator", "no kernel", "TRM_FALLBACK"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(ops::add(a, a).to_vector<float>(), (Values{102})) << "native ones still run";
}

TEST_F(Fallback, OnlyTheOpsOnTheListMayFallBack) {
  dispatch_settings().fallback_only = {"add3"};
  const Tensor a = there({1});
  EXPECT_EQ(ops::add(a, a, a).to_vector<float>(), (Values{3}));
  EXPECT_NE(message_of([&] { ops::cross_entropy(a, a, LossKind::softmax); }).find("cross_entropy"), std::string::npos);
}

TEST_F(Fallback, CountsAreKeptPerDevice) {
  const auto &here = kernels::add3.counts(DeviceKind::cpu), &there_counts = kernels::add3.counts(fake.kind);
  const uint64_t calls = there_counts.calls, fallen = there_counts.fallback_calls, cpu = here.calls;
  const Tensor a = there({1});
  ops::add(a, a, a);
  EXPECT_EQ(there_counts.calls, calls + 1);
  EXPECT_EQ(there_counts.fallback_calls, fallen + 1);
  EXPECT_EQ(here.calls, cpu);
}

TEST_F(Fallback, TensorsMoveBetweenDevices) {
  const Tensor here = Tensor::from(Values{1, 2, 3, 4}, {2, 2}), moved = here.to(fake);
  EXPECT_EQ(moved.device(), fake);
  EXPECT_EQ(moved.to(cpu_device).to_vector<float>(), (Values{1, 2, 3, 4}));
  EXPECT_EQ(moved.rows(1, 1).to_vector<float>(), (Values{3, 4}));
  moved.rows(0, 1).copy_from(here.rows(1, 1));
  EXPECT_EQ(moved.to_vector<float>(), (Values{3, 4, 3, 4}));
  Tensor out = Tensor::zeros({2, 2}, DType::float32, fake);
  EXPECT_NE(message_of([&] { kernels::add(moved, here, out); }).find("two devices"), std::string::npos);
}

// What programs decide by the device follows what the module states, and nothing else.
TEST_F(Fallback, TheRulesFollowTheTraits) {
  const auto precision = precision_rule(fake, DType::bfloat16);
  EXPECT_EQ(precision.dtype, DType::float32);
  ASSERT_TRUE(precision.note);
  EXPECT_NE(precision.note->find("the pretender computes in float32"), std::string::npos);

  const WithEnvironment compiles("DISABLE_COMPILE", std::nullopt);
  EXPECT_TRUE(compile_rule(fake).on);
  EXPECT_EQ(compile_rule(fake).reason, "default on accelerator: a list of calls");
  EXPECT_FALSE(compile_rule(fake, "rope").on);
  EXPECT_NE(compile_rule(fake, "rope").reason.find("rope"), std::string::npos);
  {
    const WithEnvironment disabled("DISABLE_COMPILE", "1");
    EXPECT_FALSE(compile_rule(fake).on);
    EXPECT_NE(compile_rule(fake).reason.find("DISABLE_COMPILE"), std::string::npos);
  }

  EXPECT_EQ(loader_rule(fake, std::nullopt, std::nullopt).workers, 1);
  EXPECT_TRUE(loader_rule(fake, std::nullopt, std::nullopt).pinned);
  EXPECT_FALSE(loader_rule(fake, std::nullopt, false).pinned);
  EXPECT_TRUE(loader_rule(fake, 5, true).warnings.empty());
  const auto busy = loader_rule(fake, 6, std::nullopt);
  EXPECT_EQ(busy.workers, 6);
  ASSERT_EQ(busy.warnings.size(), 1u);
  EXPECT_NE(busy.warnings[0].find("0 to 5 recommended"), std::string::npos);
}

TEST_F(Fallback, DetectionTakesItBeforeTheCpu) {
  const WithEnvironment none("TRM_DEVICE", std::nullopt);
  const Device chosen = select_device(std::nullopt).device;
  EXPECT_TRUE(chosen == fake || chosen.kind == DeviceKind::cuda);
}

TEST_F(Fallback, WhatCannotBeCapturedSaysSo) {
  EXPECT_FALSE(Backend::of(fake).can_capture());
  EXPECT_NE(message_of([] { Backend::of(fake).capture([] {}); }).find("accelerator"), std::string::npos);
}

}  // namespace
}  // namespace trm::testing
