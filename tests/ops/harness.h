#pragma once
// Every op test runs the op on each usable device in each dtype and compares with a float64 reference written out in the test, on inputs already rounded to the
// dtype. Gradients are compared with central finite differences of that reference.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "device/ops.h"
#include "device/tensor.h"

namespace trm::testing {

/// The devices that this machine can use: cpu always; cuda where there is a GPU; the accelerator where TRM_TEST_ACCELERATOR is set or a GPU is found.
std::vector<Device> devices_under_test();

/// Normal values times `scale`, the same for the same seed, rounded to dtype.
std::vector<float> random_values(int64_t count, DType dtype, uint64_t seed, float scale = 1.0f);
std::vector<int32_t> random_integers(int64_t count, int32_t low, int32_t high, uint64_t seed);  // [low, high)
Tensor to_tensor(const std::vector<float>& values, const Shape& shape, DType dtype, Device device);

/// max |a - b| / max |b|; infinity where a or b holds what is not finite, where b is empty, or sizes differ. The error of the golden files.
double norm_error(const std::vector<float>& a, const std::vector<double>& b);
double norm_error(const Tensor& a, const std::vector<double>& b);
/// max over i of |aᵢ - bᵢ| / (|bᵢ| + m), m the median of the |b| that are not zero: small elements count as much as large ones. Infinity as above.
double element_error(const std::vector<float>& a, const std::vector<double>& b);
/// What an op is held to: the larger of the norm error and the element error over a slack, which is 4 in float32, 1 in bfloat16, and the suite's own in an OpTest.
/// TRM_TEST_ERRORS=FILE appends each test's two errors to a file: what slacks and tolerances are chosen by.
double relative_error(const std::vector<float>& a, const std::vector<double>& b);
double relative_error(const Tensor& a, const std::vector<double>& b);

/// d f / d values by central differences in float64.
std::vector<double> finite_differences(const std::function<double(const std::vector<double>&)>& f, std::vector<double> values, double step = 1e-5);

std::vector<double> widen(const std::vector<float>& values);

/// Parameter: (device, dtype).
class OpTest : public ::testing::TestWithParam<std::tuple<Device, DType>> {
 protected:
  /// Skips the dtypes that the device does not compute in.
  void SetUp() override;
  void TearDown() override;
  /// How many times its tolerance of the norm an op's element error may be: for ops whose small elements are differences of large ones, with what the cpu reaches.
  virtual double element_slack() const { return dtype() == DType::float32 ? 4 : 1; }
  Device device() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
  /// float32 1e-5, bfloat16 4e-2
  double tolerance() const { return dtype() == DType::float32 ? 1e-5 : 4e-2; }
  Tensor tensor(const std::vector<float>& values, const Shape& shape) const { return to_tensor(values, shape, dtype(), device()); }
  Tensor floats(const std::vector<float>& values, const Shape& shape) const { return to_tensor(values, shape, DType::float32, device()); }
  std::vector<float> random(int64_t count, uint64_t seed, float scale = 1.0f) const { return random_values(count, dtype(), seed, scale); }
  Weight weight(const std::vector<float>& values, int64_t out, int64_t in, bool token = false) const;  // packed
};

std::string parameter_name(const ::testing::TestParamInfo<std::tuple<Device, DType>>& info);

}  // namespace trm::testing

#define TRM_OP_SUITE(suite)                                                                                            \
  INSTANTIATE_TEST_SUITE_P(Devices, suite,                                                                             \
                           ::testing::Combine(::testing::ValuesIn(trm::testing::devices_under_test()),                 \
                                              ::testing::Values(trm::DType::float32, trm::DType::bfloat16)),           \
                           trm::testing::parameter_name)
