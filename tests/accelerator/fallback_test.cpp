#include <set>

#include "device/kernels.h"
#include "device/ops.h"
#include "tests/accelerator/require.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

class AcceleratorFallback : public ::testing::Test {
 protected:
  void SetUp() override {
    TRM_REQUIRE_ACCELERATOR();
    Backend::of(accelerator);
    before_ = dispatch_settings();
  }
  void TearDown() override { dispatch_settings() = before_; }
  static Tensor there(const std::vector<float>& values, const Shape& shape) {
    return Tensor::from(values, shape, accelerator);
  }
  DispatchSettings before_;
};

// The registry itself says what has no kernel.
TEST_F(AcceleratorFallback, OnlyOptionalOpsHaveNoKernel) {
  std::set<std::string> missing;
  for (const OpBase* op : OpBase::all())
    if (!op->native(DeviceKind::accelerator) && op->without_kernel() == WithoutKernel::fallback)
      missing.insert(op->name());
  EXPECT_EQ(missing, std::set<std::string>{});
}

TEST_F(AcceleratorFallback, ADisabledOpRunsOnTheCpuAndIsCounted) {
  Tensor table = there({1, 1, 2, 2}, {2, 2});
  const Tensor control = there({1, 0, 1, 1, 1}, {Control::count}), rates = there({0.5f, 0}, {Rate::count});
  const auto update = [&] {
    ops::sign_sgd(there({1, -1}, {1, 2}), Tensor::from(std::vector<int32_t>{1}, {1}, accelerator), control, rates, 0,
                  table);
  };
  const auto& counts = kernels::sign_sgd.counts(DeviceKind::accelerator);
  const uint64_t calls = counts.calls, fallen = counts.fallback_calls;
  update();
  EXPECT_EQ(table.to_vector<float>(), (std::vector<float>{1, 1, 1.5f, 2.5f}));
  EXPECT_EQ(counts.fallback_calls, fallen);
  dispatch_settings().disabled = {"sign_sgd"};
  update();
  EXPECT_EQ(table.to_vector<float>(), (std::vector<float>{1, 1, 1, 3}));
  EXPECT_EQ(counts.calls, calls + 2);
  EXPECT_EQ(counts.fallback_calls, fallen + 1);
  dispatch_settings().fallback = false;
  const std::string message = message_of(update);
  for (const std::string part : {"sign_sgd", "accelerator", "falling back"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_F(AcceleratorFallback, DisabledOpsGiveTheSameResults) {
  const int64_t M = 20, K = 16, I = 24;
  std::vector<float> x(M * K), up(2 * I * K), down(K * I);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) * 0.1f - 0.6f;
  for (size_t i = 0; i < up.size(); ++i) up[i] = static_cast<float>(i % 7) * 0.1f - 0.3f;
  for (size_t i = 0; i < down.size(); ++i) down[i] = static_cast<float>(i % 11) * 0.05f - 0.25f;
  const auto block = [&] {
    return ops::swiglu_block(there(x, {M, K}), ops::make_weight(there(up, {2 * I, K})),
                             ops::make_weight(there(down, {K, I})), 1e-5f)
        .to_vector<float>();
  };
  const auto native = block();
  const uint64_t before = fallback_calls();
  dispatch_settings().disabled = {"linear_swiglu", "linear"};
  const auto fallen = block();
  EXPECT_EQ(fallback_calls(), before + 2) << "linear_swiglu, and linear inside of the residual norm";
  for (size_t i = 0; i < native.size(); ++i) ASSERT_NEAR(native[i], fallen[i], 1e-5);
  dispatch_settings().fallback_only = {"linear"};
  EXPECT_NE(message_of(block).find("linear_swiglu cannot run on accelerator"), std::string::npos);
}

TEST_F(AcceleratorFallback, Bfloat16FallsBackWithItsReason) {
  const Tensor narrow = ops::cast(there({1, 2}, {2}), DType::bfloat16);
  EXPECT_EQ(kernels::add.condition(DeviceKind::accelerator), "float32 only");
  EXPECT_EQ(ops::add(narrow, narrow).to_vector<float>(), (std::vector<float>{2, 4}));
}

// A failure inside of a native kernel is an error, not a reason to fall back.
TEST_F(AcceleratorFallback, AFailureOfANativeOpPropagates) {
  const uint64_t before = fallback_calls();
  const int64_t large = (int64_t{1} << 31) + 8;
  const auto view = [](const Tensor& t, const Shape& shape) {
    return Tensor::wrap(t.base(), shape, DType::float32, accelerator, t.storage());
  };
  const Tensor memory = there({1, 2, 3, 4}, {4});
  Weight w;
  w.value = view(memory, {1, large});
  Tensor y = view(memory, {16, 1});
  EXPECT_NE(message_of([&] { kernels::linear(view(memory, {16, large}), w, y); }).find("too large"), std::string::npos);
  EXPECT_EQ(fallback_calls(), before);
}

}  // namespace
}  // namespace trm::testing
