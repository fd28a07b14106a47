#include <algorithm>
#include <set>

#include "device/backend.h"
#include "device/kernels.h"
#include "device/ops.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

/// Restores the settings of dispatch.
struct KeepSettings {
  DispatchSettings before = dispatch_settings();
  ~KeepSettings() { dispatch_settings() = before; }
};

Tensor elsewhere(const Shape& shape) {
  auto memory = std::make_shared<std::vector<float>>(static_cast<size_t>(shape.elements()));
  return Tensor::wrap(memory->data(), shape, DType::float32, {DeviceKind::accelerator, 0}, memory);
}

TEST(Dispatch, TensorsOnTwoDevicesAreRefused) {
  const Tensor here = Tensor::zeros({3}, DType::float32, cpu_device), there = elsewhere({3});
  Tensor out = Tensor::zeros({3}, DType::float32, cpu_device);
  const std::string message = message_of([&] { kernels::add(here, there, out); });
  for (const std::string part : {"add", "two devices", "float32 [3] on cpu", "float32 [3] on accelerator"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Dispatch, EveryOpIsNamedOnce) {
  std::set<std::string> names;
  for (const OpBase* op : OpBase::all()) EXPECT_TRUE(names.insert(op->name()).second) << op->name() << " twice";
  EXPECT_TRUE(names.count("attention") && names.count("adamw"));
}

TEST(Dispatch, EveryBackendHasAKernelForEveryOpThatIsNotOptional) {
  for (const DeviceKind kind : {DeviceKind::cpu, DeviceKind::accelerator, DeviceKind::cuda}) {
    platform_of(kind);
    const auto& all = OpBase::all();
    const bool built_in = std::any_of(all.begin(), all.end(), [&](const OpBase* op) { return op->native(kind); });
    ASSERT_TRUE(built_in || kind != DeviceKind::cpu);
    if (built_in) {
      EXPECT_EQ(message_of([&] { OpBase::require_kernels(all, kind); }), "nothing thrown");
    }
  }
}

TEST(Dispatch, AKernelThatNoFileRegistersIsNamed) {
  Op<void(const Tensor&, Tensor&)> forgotten("forgotten"), optional("optional", WithoutKernel::composed);
  const std::string message = message_of([&] { OpBase::require_kernels({&forgotten, &optional, &kernels::add}, DeviceKind::cpu); });
  for (const std::string part : {"no cpu kernel for forgotten:", "device/kernels.h", "device/cpu/"}) EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Dispatch, DisablingAnOpDoesNotTouchTheCpu) {
  const KeepSettings keep;
  dispatch_settings().disabled = {"add"};
  EXPECT_TRUE(op_disabled("add"));
  EXPECT_FALSE(op_disabled("add3"));
  EXPECT_TRUE(kernels::add.native(DeviceKind::cpu));
  const Tensor one = Tensor::from(std::vector<float>{1, 2}, {2});
  EXPECT_EQ(ops::add(one, one).to_vector<float>(), (std::vector<float>{2, 4}));
}

TEST(Dispatch, AnOptionalOpIsNeverCalledWithoutAKernel) {
  EXPECT_EQ(kernels::token_mixer.without_kernel(), WithoutKernel::composed);
  EXPECT_EQ(kernels::add.without_kernel(), WithoutKernel::fallback);
  const Tensor x = Tensor::zeros({1, 2, 3}, DType::float32, cpu_device);
  const Weight w{Tensor::zeros({4, 2}, DType::float32, cpu_device), {}, {}, true};
  Tensor y = Tensor::zeros({1, 2, 3}, DType::float32, cpu_device), rstd = Tensor::zeros({1, 3}, DType::float32, cpu_device);
  ASSERT_FALSE(kernels::token_mixer_forward.native(DeviceKind::cpu));
  const std::string message = message_of([&] { kernels::token_mixer_forward(x, w, w, 1e-5f, y, rstd); });
  for (const std::string part : {"token_mixer_forward", "cpu", "no kernel", "optional"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Dispatch, CountsCallsBytesAndTime) {
  const KeepSettings keep;
  dispatch_settings().timing = true;
  const auto& counts = kernels::add.counts(DeviceKind::cpu);
  const uint64_t calls = counts.calls, bytes = counts.bytes, time = counts.nanoseconds, fallen = counts.fallback_calls;
  const Tensor x = Tensor::zeros({1000}, DType::float32, cpu_device);
  ops::add(x, x);
  EXPECT_EQ(counts.calls, calls + 1);
  EXPECT_EQ(counts.bytes, bytes + 12000);
  EXPECT_GT(counts.nanoseconds, time);
  EXPECT_EQ(counts.fallback_calls, fallen);
}

// linear_cross_entropy calls linear on the cpu, whose time is then counted once.
TEST(Dispatch, TimeOfOpsInsideIsTheirs) {
  const KeepSettings keep;
  dispatch_settings().timing = true;
  const Tensor x = Tensor::zeros({1, 64, 256}, DType::float32, cpu_device), labels = Tensor::zeros({1, 64}, DType::int32, cpu_device);
  const Weight w = ops::make_weight(Tensor::zeros({2000, 256}, DType::float32, cpu_device));
  const Tensor scale = Tensor::zeros({1}, DType::float32, cpu_device);
  OpBase::reset_counts();
  const uint64_t start = detail::clock_nanoseconds();
  for (int i = 0; i < 5; ++i) ops::linear_cross_entropy(x, w, labels, scale, LossKind::softmax, nullptr, nullptr);
  const uint64_t all = detail::clock_nanoseconds() - start;
  uint64_t counted = 0;
  for (const OpBase* op : OpBase::all()) counted += op->counts(DeviceKind::cpu).nanoseconds;
  EXPECT_EQ(kernels::linear.counts(DeviceKind::cpu).calls, 5u);
  EXPECT_GT(kernels::linear.counts(DeviceKind::cpu).nanoseconds, 0u);
  EXPECT_LE(counted, all);
}

}  // namespace
}  // namespace trm::testing
