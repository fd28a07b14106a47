#pragma once
#include <gtest/gtest.h>

#include "tests/golden/golden_file.h"
#include "tests/ops/harness.h"
#include "tests/shared.h"

namespace trm::testing {

/// Tolerances of shared/golden/README.md.
inline constexpr double output_tolerance = 1e-4, gradient_tolerance = 3e-4, late_evaluation_tolerance = 3e-3, optimizer_tolerance = 1e-5;

inline std::string golden_path(const std::string& model) { return "golden/" + model + ".h5"; }
inline std::string golden_file(const std::string& model) { return (shared_dir() / golden_path(model)).string(); }

/// One column of q [B, 2].
inline std::vector<float> column(const Tensor& q, int index) {
  const auto all = q.to_vector<float>();
  std::vector<float> values;
  for (size_t i = index; i < all.size(); i += 2) values.push_back(all[i]);
  return values;
}

/// Parameter: (device, golden file).
class GoldenTest : public ::testing::TestWithParam<std::tuple<Device, std::string>> {
 protected:
  Device device() const { return std::get<0>(GetParam()); }
  std::string name() const { return std::get<1>(GetParam()); }
};

inline std::string golden_parameter_name(const ::testing::TestParamInfo<std::tuple<Device, std::string>>& info) {
  return std::string(name_of(std::get<0>(info.param).kind)) + "_" + std::get<1>(info.param);
}

}  // namespace trm::testing

#define TRM_GOLDEN_SUITE(suite, ...)                                                                                                        \
  INSTANTIATE_TEST_SUITE_P(Devices, suite,                                                                                                  \
                           ::testing::Combine(::testing::ValuesIn(trm::testing::devices_under_test()), ::testing::Values(__VA_ARGS__)), \
                           trm::testing::golden_parameter_name)
