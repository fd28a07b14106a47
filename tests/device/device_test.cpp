#include "device/device.h"

#include <bit>
#include <cmath>

#include "device/dtype.h"
#include "device/errors.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

TEST(Device, ReadsEveryName) {
  const std::vector<std::pair<std::string, Device>> names{
      {"cpu", {DeviceKind::cpu, 0}},         {"CPU", {DeviceKind::cpu, 0}},
      {"cpu:0", {DeviceKind::cpu, 0}},       {"cuda", {DeviceKind::cuda, 0}},
      {"cuda:3", {DeviceKind::cuda, 3}},     {"accelerator", {DeviceKind::accelerator, 0}},
      {"mps", {DeviceKind::accelerator, 0}}, {"opencl:1", {DeviceKind::accelerator, 1}},
      {"Cuda:12", {DeviceKind::cuda, 12}}};
  for (const auto& [name, device] : names) EXPECT_EQ(parse_device(name), device) << name;
}

TEST(Device, PrintsWhatItReads) {
  for (const std::string name : {"cpu", "cuda", "cuda:3", "accelerator", "accelerator:1"})
    EXPECT_EQ(to_string(parse_device(name)), name);
  EXPECT_EQ(to_string(cpu_device), "cpu");
}

TEST(Device, RefusesWhatIsNoDevice) {
  for (const std::string name :
       {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999", "cpu:1", " cpu", "cuda:0:1"}) {
    const std::string message = message_of([&] { parse_device(name); });
    EXPECT_NE(message.find("'" + name + "'"), std::string::npos) << name << ": " << message;
  }
  EXPECT_NE(message_of([] { parse_device("gpu"); }).find("expected cpu, accelerator"), std::string::npos);
}

TEST(DType, NamesAndSizes) {
  EXPECT_EQ(parse_dtype("float32"), DType::float32);
  EXPECT_EQ(parse_dtype("bfloat16"), DType::bfloat16);
  for (const std::string name : {"float16", "", "int32"})
    EXPECT_NE(message_of([&] { parse_dtype(name); }).find("'" + name + "'"), std::string::npos);
  EXPECT_EQ(size_of(DType::bfloat16), 2u);
  EXPECT_EQ(size_of(DType::boolean), 1u);
  EXPECT_EQ(size_of(DType::int64), 8u);
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(bfloat16(1.00390625f).bits, 0x3f80);  // halfway between 1 and 1.0078125: to the even one
  EXPECT_EQ(bfloat16(1.01171875f).bits, 0x3f82);
  EXPECT_EQ(bfloat16(1.00390637f).bits, 0x3f81);
  EXPECT_EQ(static_cast<float>(bfloat16(-2.5f)), -2.5f);
  EXPECT_EQ(bfloat16(3.4e38f).bits, 0x7f80) << "beyond the largest: infinity";
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::bit_cast<float>(0x7f800001u))))) << "NaN stays NaN";
  EXPECT_EQ(bfloat16(-0.0f).bits, 0x8000);
}

}  // namespace
}  // namespace trm::testing
