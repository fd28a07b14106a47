#include "device/selection.h"

#include "tests/device/environment.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

TEST(Selection, TheFlagBeatsTheEnvironmentBeatsDetection) {
  const WithEnvironment forced("TRM_DEVICE", "no-such-device");
  const auto by_flag = select_device("cpu");
  EXPECT_EQ(by_flag.device, cpu_device);
  EXPECT_EQ(by_flag.by, ChosenBy::flag);
  EXPECT_NE(message_of([] { select_device(std::nullopt); }).find("no-such-device"), std::string::npos);
  const WithEnvironment cpu("TRM_DEVICE", "cpu");
  EXPECT_EQ(select_device(std::nullopt).by, ChosenBy::environment);
  const WithEnvironment empty("TRM_DEVICE", "");
  EXPECT_EQ(select_device(std::nullopt).by, ChosenBy::detection);
}

TEST(Selection, DetectionTakesTheFirstThatIsUsable) {
  const WithEnvironment none("TRM_DEVICE", std::nullopt);
  const Device chosen = select_device(std::nullopt).device;
  const auto all = list_devices();
  for (const DeviceInfo& info : all) {
    if (info.device == chosen)
      EXPECT_EQ(info.note, "chosen by default");
    else
      EXPECT_NE(info.note, "chosen by default");
  }
  EXPECT_EQ(all.back().device, cpu_device) << "the cpu is always there, last";
}

TEST(Selection, AForcedDeviceThatIsAbsentIsAnError) {
  const std::string message = message_of([] { select_device("cuda:77"); });
  EXPECT_NE(message.find("cuda:77"), std::string::npos) << message;
  EXPECT_NE(message.find("--device"), std::string::npos) << message;
  EXPECT_NE(message.find("cpu ("), std::string::npos) << "says what there is: " << message;
  const WithEnvironment forced("TRM_DEVICE", "cuda:77");
  EXPECT_NE(message_of([] { select_device(std::nullopt); }).find("TRM_DEVICE"), std::string::npos);
}

TEST(Selection, TheListNamesEveryKind) {
  const std::string text = describe_devices();
  for (const std::string kind : {"cuda", "accelerator", "cpu"}) EXPECT_NE(text.find(kind), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '['), static_cast<long>(list_devices().size())) << text;
  EXPECT_EQ(text.find("  none: \n"), std::string::npos) << "a kind without devices says why";
}

TEST(Selection, OpeningAnAbsentDeviceSaysWhy) {
  EXPECT_NE(message_of([] { Backend::of({DeviceKind::cpu, 1}); }).find("cpu:1"), std::string::npos);
  EXPECT_NE(message_of([] {
              Tensor::empty({2}, DType::float32, {DeviceKind::cuda, 77});
            }).find("cuda:77"),
            std::string::npos);
}

}  // namespace
}  // namespace trm::testing
