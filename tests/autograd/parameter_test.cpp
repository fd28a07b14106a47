#include "autograd/parameter.h"

#include <gtest/gtest.h>

#include "device/backend.h"
#include "device/ops.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

class Parameters : public ::testing::TestWithParam<Device> {};

TEST_P(Parameters, LieInFlatBuffersWithGapsOfZero) {
  ParameterStore store(GetParam(), DType::float32);
  const auto a = random_values(3 * 5, DType::float32, 1), b = random_values(70, DType::float32, 2);
  const Parameter& first = store.add("first", {3, 5}, ParameterUse::product, ParameterRole::vector, a);
  const Parameter& second = store.add("second", {70}, ParameterUse::master, ParameterRole::vector, b);
  store.materialize(true);

  const auto flat = store.values().to_vector<float>();
  ASSERT_EQ(flat.size() % 64, 0u);
  EXPECT_EQ(std::vector<float>(flat.begin(), flat.begin() + 15), a);
  EXPECT_EQ(std::vector<float>(flat.begin() + 64, flat.begin() + 64 + 70), b);
  for (size_t i = 0; i < flat.size(); ++i) {
    const bool gap = (i >= 15 && i < 64) || i >= 64 + 70;
    EXPECT_TRUE(!gap || flat[i] == 0) << "gap at " << i;
  }
  EXPECT_EQ(store.gradients().to_vector<float>(), std::vector<float>(flat.size(), 0.0f));
  EXPECT_EQ(store.count(), 15 + 70);

  EXPECT_EQ(first.master.shape(), (Shape{3, 5}));
  EXPECT_EQ(second.master.to_vector<float>(), b);
  EXPECT_EQ(store.view(store.values(), second).to_vector<float>(), b);
  EXPECT_TRUE(first.trained());
  EXPECT_EQ(store.find("second"), &second);
  EXPECT_EQ(store.find("third"), nullptr);
  EXPECT_EQ(store.all().size(), 2u);
}

TEST_P(Parameters, GradientsAreViewsOfTheFlatBuffer) {
  ParameterStore store(GetParam(), DType::float32);
  const Parameter& first = store.add("first", {2}, ParameterUse::master, ParameterRole::vector, {1, 2});
  const Parameter& second = store.add("second", {2}, ParameterUse::master, ParameterRole::vector, {3, 4});
  store.materialize(true);
  second.gradient.copy_from_host(std::vector<float>{5, 6}.data());
  EXPECT_EQ(store.gradients().to_vector<float>()[64], 5);
  store.gradients().fill_zero();
  EXPECT_EQ(second.gradient.to_vector<float>(), (std::vector<float>{0, 0}));
  EXPECT_EQ(first.gradient.to_vector<float>(), (std::vector<float>{0, 0}));
}

TEST_P(Parameters, WithoutTrainingThereAreNoGradients) {
  ParameterStore store(GetParam(), DType::float32);
  const Parameter& weight =
      store.add("weight", {4, 3}, ParameterUse::product, ParameterRole::vector, random_values(12, DType::float32, 1));
  store.materialize(false);
  EXPECT_FALSE(weight.trained());
  EXPECT_FALSE(store.gradients().defined());
}

// The forms in which weights are used follow the masters at refresh, and only then.
TEST_P(Parameters, RefreshMakesTheComputeFormsAgain) {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    if (!Backend::of(GetParam()).supports(dtype)) continue;
    ParameterStore store(GetParam(), dtype);
    const Parameter& weight = store.add("weight", {48, 40}, ParameterUse::product, ParameterRole::vector,
                                        random_values(48 * 40, DType::float32, 1));
    const Parameter& table = store.add("table", {7, 40}, ParameterUse::table, ParameterRole::vector,
                                       random_values(7 * 40, DType::float32, 2));
    store.materialize(true);
    const Tensor x = to_tensor(random_values(5 * 40, dtype, 3), {5, 40}, dtype, GetParam());
    const auto y = ops::linear(x, weight.weight).to_vector<float>();
    auto doubled = weight.master.to_vector<float>();
    for (float& value : doubled) value *= 2;
    weight.master.copy_from_host(doubled.data());
    store.refresh();
    const auto z = ops::linear(x, weight.weight).to_vector<float>();
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(z[i], 2 * y[i]) << name_of(dtype) << " " << i;
    EXPECT_EQ(table.weight.value.dtype(), dtype);
    EXPECT_EQ(store.narrow().defined(), dtype == DType::bfloat16);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Parameters, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

}  // namespace
}  // namespace trm::testing
