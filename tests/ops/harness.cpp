#include "tests/ops/harness.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "device/backend.h"
#include "device/cpu/simd.h"
#include "device/random.h"
#include "device/selection.h"

namespace trm::testing {

namespace {

/// Says so where the environment asks for what this machine has not: cmake/FilteredTest.cmake makes a skip of it.
void say_what_is_missing() {
  const auto say = [](const std::string& what) { std::printf("not here: %s\n", what.c_str()); };
  std::string why_not;
  if (std::getenv("TRM_TEST_ACCELERATOR") && platform_of(DeviceKind::accelerator).devices(why_not).empty())
    say("an accelerator: " + why_not);
  const std::vector<std::string> levels{"generic", "avx2", "avx512", "avx512bf16"};
  const std::string level = levels.at(static_cast<size_t>(cpu::simd_level()));
  if (const char* asked = std::getenv("TRM_CPU_SIMD"); asked && asked != level)
    say(std::string(asked) + ": this CPU's best is " + level);
}

}  // namespace

std::vector<Device> devices_under_test() {
  static const bool said = (say_what_is_missing(), true);
  (void)said;
  std::vector<Device> devices{cpu_device};
  for (const DeviceInfo& info : list_devices()) {
    const bool accelerator =
        info.device.kind == DeviceKind::accelerator && (info.eligible || std::getenv("TRM_TEST_ACCELERATOR"));
    if (info.device.index == 0 && (info.device.kind == DeviceKind::cuda || accelerator)) devices.push_back(info.device);
  }
  return devices;
}

std::vector<float> random_values(int64_t count, DType dtype, uint64_t seed, float scale) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = random_numbers(seed, RandomPurpose::test, 0, static_cast<uint32_t>(i));
    const double radius = std::sqrt(-2.0 * std::log(uniform(bits[0]) + 0x1p-25));
    const float value = static_cast<float>(radius * std::cos(6.283185307179586 * uniform(bits[1])) * scale);
    values[i] = dtype == DType::bfloat16 ? static_cast<float>(bfloat16(value)) : value;
  }
  return values;
}

std::vector<int32_t> random_integers(int64_t count, int32_t low, int32_t high, uint64_t seed) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[i] = low + static_cast<int32_t>(random_numbers(seed, RandomPurpose::test, 1, static_cast<uint32_t>(i))[0] %
                                           static_cast<uint32_t>(high - low));
  return values;
}

Tensor to_tensor(const std::vector<float>& values, const Shape& shape, DType dtype, Device device) {
  if (dtype == DType::float32) return Tensor::from(values, shape, device);
  const std::vector<bfloat16> narrow(values.begin(), values.end());
  return Tensor::from(narrow, shape, device);
}

namespace {

constexpr double smallest = 1e-30;

bool comparable(const std::vector<float>& a, const std::vector<double>& b) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return !b.empty() && a.size() == b.size() && std::all_of(a.begin(), a.end(), finite) &&
         std::all_of(b.begin(), b.end(), finite);
}

double median_magnitude(const std::vector<double>& values) {
  std::vector<double> magnitudes;
  for (const double value : values)
    if (value != 0) magnitudes.push_back(std::abs(value));
  if (magnitudes.empty()) return 0;
  const auto middle = magnitudes.begin() + static_cast<std::ptrdiff_t>(magnitudes.size() / 2);
  std::nth_element(magnitudes.begin(), middle, magnitudes.end());
  return *middle;
}

}  // namespace

double norm_error(const std::vector<float>& a, const std::vector<double>& b) {
  if (!comparable(a, b)) return std::numeric_limits<double>::infinity();
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference == 0 ? 0 : difference / std::max(largest, smallest);
}

double norm_error(const Tensor& a, const std::vector<double>& b) { return norm_error(a.to_vector<float>(), b); }

double element_error(const std::vector<float>& a, const std::vector<double>& b) {
  if (!comparable(a, b)) return std::numeric_limits<double>::infinity();
  const double typical = median_magnitude(b);
  double error = 0;
  for (size_t i = 0; i < a.size(); ++i)
    if (const double difference = std::abs(a[i] - b[i]); difference != 0)
      error = std::max(error, difference / std::max(std::abs(b[i]) + typical, smallest));
  return error;
}

namespace {

constexpr double usual_slack = 4;
double slack = usual_slack;  // of the suite that runs

}  // namespace

double relative_error(const std::vector<float>& a, const std::vector<double>& b) {
  const double norm = norm_error(a, b), element = element_error(a, b);
  static const char* file = std::getenv("TRM_TEST_ERRORS");
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  if (file && test)
    std::ofstream(file, std::ios::app) << test->test_suite_name() << "." << test->name() << " " << norm << " "
                                       << element << "\n";
  return std::max(norm, element / slack);
}

double relative_error(const Tensor& a, const std::vector<double>& b) { return relative_error(a.to_vector<float>(), b); }

std::vector<double> finite_differences(const std::function<double(const std::vector<double>&)>& f,
                                       std::vector<double> values, double step) {
  std::vector<double> gradient(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    values[i] = value + step;
    const double above = f(values);
    values[i] = value - step;
    gradient[i] = (above - f(values)) / (2 * step);
    values[i] = value;
  }
  return gradient;
}

std::vector<double> widen(const std::vector<float>& values) { return {values.begin(), values.end()}; }

void OpTest::TearDown() { slack = usual_slack; }

void OpTest::SetUp() {
  slack = element_slack();
  // The cpu's kernels take bfloat16 on every machine, if slower than float32 where it has no such instructions.
  if (device().kind != DeviceKind::cpu && !Backend::of(device()).supports(dtype()))
    GTEST_SKIP() << to_string(device()) << " does not compute in " << name_of(dtype());
}

Weight OpTest::weight(const std::vector<float>& values, int64_t out, int64_t in, bool token) const {
  Weight weight = ops::make_weight(tensor(values, {out, in}), token);
  ops::repack(weight);
  return weight;
}

std::string parameter_name(const ::testing::TestParamInfo<std::tuple<Device, DType>>& info) {
  return std::string(name_of(std::get<0>(info.param).kind)) + "_" + name_of(std::get<1>(info.param));
}

}  // namespace trm::testing
