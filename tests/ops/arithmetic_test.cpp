#include <limits>

#include "device/errors.h"
#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

class Arithmetic : public OpTest {};

const std::vector<int64_t> sizes{1, 7, 63, 1000, 40003};

float rounded(float value, DType dtype) {
  return dtype == DType::bfloat16 ? static_cast<float>(bfloat16(value)) : value;
}

TEST_P(Arithmetic, CastRoundsToNearestEvenAndKeepsSpecialValues) {
  for (const int64_t n : sizes) {
    const auto values = random_values(n, DType::float32, 1);
    std::vector<float> expected;
    for (const float value : values) expected.push_back(rounded(value, dtype()));
    const Tensor in = floats(values, {n});
    const Tensor there = ops::cast(in, dtype());
    EXPECT_EQ(there.to_vector<float>(), expected);
    EXPECT_EQ(ops::cast(there, DType::float32).to_vector<float>(), expected);
    EXPECT_EQ(ops::cast(there, dtype()).to_vector<float>(), expected);
  }
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor ties = floats({1.00390625f, 1.01171875f, infinity, -infinity, 0.0f, -0.0f, std::nanf(""), 3.4e38f}, {8});
  const auto out = ops::cast(ties, dtype()).to_vector<float>();
  if (dtype() == DType::bfloat16) {
    EXPECT_EQ(out[0], 1.0f);
    EXPECT_EQ(out[1], 1.015625f);
    EXPECT_EQ(out[7], infinity);
  }
  EXPECT_EQ(out[2], infinity);
  EXPECT_EQ(out[3], -infinity);
  EXPECT_TRUE(std::signbit(out[5]) && !std::signbit(out[4]));
  EXPECT_TRUE(std::isnan(out[6]));
}

TEST_P(Arithmetic, AddSumsInFloat32AndRoundsOnce) {
  for (const int64_t n : sizes) {
    const auto a = random(n, 1), b = random(n, 2), c = random(n, 3);
    std::vector<float> two(n), three(n);
    for (int64_t i = 0; i < n; ++i) {
      two[i] = rounded(a[i] + b[i], dtype());
      three[i] = rounded(a[i] + b[i] + c[i], dtype());
    }
    Tensor x = tensor(a, {n});
    const Tensor y = tensor(b, {n}), z = tensor(c, {n});
    EXPECT_EQ(ops::add(x, y).to_vector<float>(), two);
    EXPECT_EQ(ops::add(x, y, z).to_vector<float>(), three);
    ops::add_into(x, y, x);
    EXPECT_EQ(x.to_vector<float>(), two) << "out is a";
    Tensor w = tensor(a, {n});
    kernels::add3(y, w, z, w);
    EXPECT_LT(relative_error(w, widen(three)), dtype() == DType::float32 ? 1e-6 : 1e-2) << "out is b";
  }
}

TEST_P(Arithmetic, WrongShapesAreNamed) {
  const Tensor a = tensor(random(6, 1), {2, 3}), b = tensor(random(6, 1), {3, 2});
  try {
    ops::add(a, b);
    FAIL() << "accepted";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("[3, 2]"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("add"), std::string::npos) << error.what();
  }
}

TRM_OP_SUITE(Arithmetic);

}  // namespace
}  // namespace trm::testing
