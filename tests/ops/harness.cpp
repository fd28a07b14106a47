#include "tests/ops/harness.h"

#include <cstdlib>
#include <limits>

#include "device/backend.h"
#include "device/random.h"
#include "device/selection.h"

namespace trm::testing {

std::vector<Device> devices_under_test() {
  std::vector<Device> devices{cpu_device};
  for (const DeviceInfo& info : list_devices()) {
    const bool accelerator = info.device.kind == DeviceKind::accelerator && (info.gpu || std::getenv("TRM_TEST_ACCELERATOR"));
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
    values[i] = low + static_cast<int32_t>(random_numbers(seed, RandomPurpose::test, 1, static_cast<uint32_t>(i))[0] % static_cast<uint32_t>(high - low));
  return values;
}

Tensor to_tensor(const std::vector<float>& values, const Shape& shape, DType dtype, Device device) {
  if (dtype == DType::float32) return Tensor::from(values, shape, device);
  const std::vector<bfloat16> narrow(values.begin(), values.end());
  return Tensor::from(narrow, shape, device);
}

double relative_error(const std::vector<float>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference == 0 ? 0 : difference / std::max(largest, 1e-30);
}

double relative_error(const Tensor& a, const std::vector<double>& b) { return relative_error(a.to_vector<float>(), b); }

std::vector<double> finite_differences(const std::function<double(const std::vector<double>&)>& f, std::vector<double> values, double step) {
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

void OpTest::SetUp() {
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
