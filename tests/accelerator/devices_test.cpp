#include "device/accelerator/devices.h"

#include "device/selection.h"
#include "tests/accelerator/require.h"
#include "tests/device/environment.h"
#include "tests/device/message.h"

namespace trm::accelerator {
namespace {

using testing::message_of;
using testing::WithEnvironment;

std::vector<Found> found_with(const std::optional<std::string>& value) {
  const WithEnvironment picked("TRM_ACCELERATOR", value);
  std::string why_not;
  return find_devices(why_not);
}

class AcceleratorDevices : public ::testing::Test {
 protected:
  void SetUp() override { TRM_REQUIRE_ACCELERATOR(); }
};

TEST_F(AcceleratorDevices, AreDescribed) {
  const auto all = found_with(std::nullopt);
  bool cpus = false;
  for (const Found& found : all) {
    EXPECT_FALSE(found.info.name.empty());
    EXPECT_NE(found.info.driver.find(found.platform_name), std::string::npos);
    EXPECT_NE(found.info.driver.find("OpenCL "), std::string::npos) << found.info.driver;
    EXPECT_GT(found.info.memory_bytes, size_t{1} << 20);
    EXPECT_FALSE(cpus && found.info.eligible) << "GPUs come first";
    cpus |= !found.info.eligible;
    EXPECT_EQ(found.info.eligible, found.info.note.empty());
  }
}

TEST_F(AcceleratorDevices, ACpuIsNeverChosenByDetection) {
  const WithEnvironment none("TRM_DEVICE", std::nullopt);
  const Device chosen = select_device(std::nullopt).device;
  for (const DeviceInfo& info : list_devices())
    if (info.device.kind == DeviceKind::accelerator && !info.eligible) {
      EXPECT_FALSE(info.device == chosen);
      EXPECT_NE(info.note.find("only when asked for"), std::string::npos) << info.note;
    }
  for (const std::string name : {"accelerator", "mps", "opencl"})
    EXPECT_EQ(select_device(name).device, testing::accelerator);
  const WithEnvironment forced("TRM_DEVICE", "accelerator");
  EXPECT_EQ(select_device(std::nullopt).device, testing::accelerator);
}

TEST_F(AcceleratorDevices, ArePickedByNumberOrName) {
  const auto all = found_with(std::nullopt);
  EXPECT_EQ(found_with("").size(), all.size());
  EXPECT_EQ(found_with("0:0").size(), 1u);
  EXPECT_EQ(found_with("0").size(), 1u);
  for (const Found& wanted : all) {
    std::string platform = wanted.platform_name, name = wanted.info.name;
    for (char& c : platform) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (platform.find(':') != std::string::npos) continue;
    for (const std::string& value : {platform + ":" + name, ":" + name.substr(name.size() / 2)}) {
      const auto picked = found_with(value);
      ASSERT_EQ(picked.size(), 1u) << value;
      EXPECT_NE(picked[0].info.name.find(name.substr(name.size() / 2)), std::string::npos);
    }
  }
}

TEST_F(AcceleratorDevices, AWrongPickNamesWhatThereIs) {
  const auto all = found_with(std::nullopt);
  for (const std::string value :
       {"99:0", "0:99", "no such platform", ":no such device", "0:0:0", "99999999999999999999:0"}) {
    const std::string message = message_of([&] { found_with(value); });
    for (const std::string& part : {"TRM_ACCELERATOR=" + value, all[0].info.name, std::string("0:0")})
      EXPECT_NE(message.find(part), std::string::npos) << message;
    const WithEnvironment picked("TRM_ACCELERATOR", value);
    EXPECT_NE(message_of([] { select_device("accelerator"); }).find("TRM_ACCELERATOR"), std::string::npos);
    EXPECT_EQ(select_device("cpu").device, cpu_device) << "who does not ask for it is not disturbed";
  }
}

TEST_F(AcceleratorDevices, ANumberBeyondTheLastIsRefused) {
  const std::string message = message_of([] { select_device("accelerator:40"); });
  EXPECT_NE(message.find("accelerator:40"), std::string::npos) << message;
  EXPECT_NE(message.find("of this kind"), std::string::npos) << message;
}

}  // namespace
}  // namespace trm::accelerator
